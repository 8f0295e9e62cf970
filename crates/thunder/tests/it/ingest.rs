//! From the log to the store: all orders, all thread counts, broken records, broken logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use event_log::follow::{FollowStats, Follower, Follows};
use event_log::{
    EdgeEvent, EdgeKind, Event, EventBody, EventSink, EventSource, FaultyLog, LogError, MemoryLog, Origin, Position,
    PostEvent, Topic,
};
use foryou_io::Step;
use foryou_types::{Clock, ManualClock, PostId, TimeMs, UserId};
use thunder::{IngestConfig, PostStore, StoreConfig};

use crate::support::{NOW, feed, videos};

const LONG: Duration = Duration::from_secs(30);

fn event(at: TimeMs, body: EventBody) -> Event {
    Event { at, id: None, origin: Origin::Import, body }
}

fn post(id: u64, author: u64, age_ms: i64) -> Event {
    let post = PostEvent { post_id: PostId(id), author_id: UserId(author), ..PostEvent::default() };
    event(NOW - age_ms, EventBody::Post(Box::new(post)))
}

fn delete(id: u64) -> Event {
    event(NOW, EventBody::Delete { post_id: PostId(id) })
}

fn follow() -> Event {
    let edge = EdgeEvent { user_id: UserId(1), target_id: UserId(2), kind: EdgeKind::Follow, added: true };
    event(NOW, EventBody::Edge(edge))
}

fn threads(consumer_threads: usize) -> IngestConfig {
    IngestConfig { consumer_threads, poll_interval_ms: 20, ..IngestConfig::default() }
}

fn new_store() -> Arc<PostStore> {
    Arc::new(PostStore::new(StoreConfig::default()))
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(NOW))
}

fn follow_log(
    log: &Arc<impl EventSource + 'static>,
    store: &Arc<PostStore>,
    clock: &Arc<dyn Clock>,
    consumer_threads: usize,
) -> Follower {
    let ready = Step::new("thunder", "posts");
    thunder::ingest::follow(log.clone(), store, clock, &threads(consumer_threads), &ready).unwrap()
}

fn bootstrap(
    log: &dyn EventSource,
    store: &Arc<PostStore>,
    clock: &Arc<dyn Clock>,
    consumer_threads: usize,
) -> Result<FollowStats, LogError> {
    thunder::ingest::bootstrap(log, store, clock, &threads(consumer_threads), &Step::new("thunder", "posts"))
}

fn is_ready(follower: &Follower) -> bool {
    follower.caught_up().wait_blocking(LONG)
}

/// Posts 1..=40 of author 10, of which every fourth is deleted; some deletes come before their posts.
fn history() -> Vec<Event> {
    let mut events = vec![delete(4), delete(8)];
    events.extend((1..=40).map(|id| post(id, 10, 1_000 - id as i64)));
    events.extend((12..=40).step_by(4).map(delete));
    events.push(follow());
    events
}

fn expected() -> Vec<u64> {
    (1..=40).rev().filter(|id| id % 4 != 0).collect()
}

fn faulty(log: MemoryLog) -> FaultyLog {
    FaultyLog { log, ..FaultyLog::default() }
}

fn log_of(partitions: u16, events: Vec<Event>) -> MemoryLog {
    let log = MemoryLog::new(partitions);
    log.append(events).unwrap();
    log
}

#[test]
fn every_number_of_threads_reads_every_partition() {
    for partitions in [1, 3, 8] {
        for consumer_threads in [1, 2, 3, 8, 50] {
            let log = Arc::new(log_of(partitions, history()));
            let store = new_store();
            let ingest = follow_log(&log, &store, &clock(), consumer_threads);
            assert!(is_ready(&ingest), "{partitions} partitions, {consumer_threads} threads");
            assert_eq!(feed(&store, &[10]), expected());
            assert!(ingest.wait_for(&log.head().position, LONG));
            drop(ingest);

            let store = new_store();
            let stats = bootstrap(&*log, &store, &clock(), consumer_threads).unwrap();
            assert_eq!(feed(&store, &[10]), expected());
            assert_eq!(stats.position, log.head().position);
            assert_eq!((stats.records, stats.lag, stats.newest_at), (50, 0, Some(NOW)));
        }
    }
}

#[test]
fn an_empty_log_is_ready_at_once() {
    let ingest = follow_log(&Arc::new(MemoryLog::new(4)), &new_store(), &clock(), 4);
    assert!(is_ready(&ingest));
    assert_eq!(ingest.position(), Position::default());
    assert!(ingest.wait_for(&Position::default(), Duration::ZERO));
    assert!(!ingest.wait_for(&Position::new(&[(Topic::Posts, &[1])], None), Duration::from_millis(30)));
}

#[test]
fn what_is_appended_later_is_followed_and_its_position_known() {
    let log = Arc::new(log_of(4, history()));
    let store = new_store();
    let ingest = follow_log(&log, &store, &clock(), 3);
    assert!(is_ready(&ingest));
    for id in 100..150 {
        let appended = log.append(vec![post(id, 11, 0)]).unwrap();
        assert!(ingest.wait_for(&appended.position, LONG));
        assert_eq!(feed(&store, &[11])[0], id, "a writer reads its own post");
    }
    // An event of another topic moves the position too, though no partition of posts has seen it.
    let appended = log.append(vec![follow()]).unwrap();
    assert!(ingest.wait_for(&appended.position, LONG));
    let end = log.append(vec![delete(100)]).unwrap().position;
    assert!(ingest.wait_for(&end, LONG));
    assert!(!feed(&store, &[11]).contains(&100));
    let FollowStats { lag, skipped, panics, .. } = ingest.stats();
    assert_eq!((lag, skipped, panics), (0, 0, 0));
}

#[test]
fn a_wake_up_that_is_lost_delays_but_never_stops() {
    let log = faulty(log_of(2, history()));
    log.deaf.store(true, Ordering::SeqCst);
    let log = Arc::new(log);
    let store = new_store();
    let ingest = follow_log(&log, &store, &clock(), 2);
    assert!(is_ready(&ingest));
    let end = log.log.append(vec![post(100, 11, 0)]).unwrap().position;
    assert!(ingest.wait_for(&end, LONG));
    assert_eq!(feed(&store, &[11]), [100]);
}

#[test]
fn records_that_cannot_be_read_are_counted_and_skipped() {
    let posts: Vec<_> = (1..=30).map(|id| post(id, 10, 1_000 - id as i64)).collect();
    let mut log = faulty(log_of(1, posts));
    // The first, two in a row, and the last.
    log.corrupt = [0, 10, 11, 29].map(|offset| (0, offset)).into();
    log.panics = Some((0, 20));
    let store = new_store();
    let ingest = follow_log(&Arc::new(log), &store, &clock(), 2);
    assert!(is_ready(&ingest));
    let skipped = [1, 11, 12, 21, 30];
    assert_eq!(feed(&store, &[10]), (1..=30).rev().filter(|id| !skipped.contains(id)).collect::<Vec<_>>());
    let stats = ingest.stats();
    assert_eq!((stats.skipped, stats.panics, stats.records), (5, 1, 25));
}

/// A clock that panics at one of its looks.
struct Trap(AtomicI64);

impl Clock for Trap {
    fn now(&self) -> TimeMs {
        assert_ne!(self.0.fetch_sub(1, Ordering::SeqCst), 0, "a bug in the processing");
        NOW
    }
}

fn trap(looks: i64) -> Arc<dyn Clock> {
    Arc::new(Trap(AtomicI64::new(looks)))
}

#[test]
fn a_panic_while_processing_costs_one_record_and_no_thread() {
    let log = Arc::new(log_of(1, (1..=10).map(|id| post(id, 10, 1_000 - id as i64)).collect()));
    let store = new_store();
    // The clock is looked at once to find the offsets, then once per post: the fourth post is lost.
    let ingest = follow_log(&log, &store, &trap(4), 1);
    assert!(is_ready(&ingest));
    assert_eq!(feed(&store, &[10]), [10, 9, 8, 7, 6, 5, 3, 2, 1]);
    assert_eq!((ingest.stats().panics, ingest.stats().skipped), (1, 1));
    let end = log.append(vec![post(11, 10, 0)]).unwrap().position;
    assert!(ingest.wait_for(&end, LONG), "the thread lives");
    assert_eq!(feed(&store, &[10])[0], 11);
}

#[test]
fn a_panic_outside_processing_is_survived_too() {
    let store = new_store();
    let ingest = follow_log(&Arc::new(log_of(1, history())), &store, &trap(0), 1);
    assert!(is_ready(&ingest));
    assert_eq!(feed(&store, &[10]), expected());
}

#[test]
fn a_log_that_cannot_be_reached_is_asked_again() {
    let log = faulty(log_of(2, history()));
    log.failures.store(3, Ordering::SeqCst);
    let log = Arc::new(log);
    let store = new_store();
    let ingest = follow_log(&log, &store, &clock(), 2);
    assert!(is_ready(&ingest));
    assert_eq!(feed(&store, &[10]), expected());
    let stats = ingest.stats();
    assert_eq!((stats.read_errors, stats.skipped), (3, 0));
    // The one-shot form says so instead of trying for ever.
    log.failures.store(1, Ordering::SeqCst);
    assert!(matches!(bootstrap(&*log, &new_store(), &clock(), 1), Err(LogError::Io { .. })));
}

#[test]
fn reading_starts_where_the_retention_does_by_the_clock_passed_in() {
    let log = faulty(log_of(2, vec![post(1, 10, 172_800_001), post(2, 10, 172_800_000), post(3, 10, 0)]));
    let store = new_store();
    let stats = bootstrap(&log, &store, &clock(), 1).unwrap();
    assert_eq!(feed(&store, &[10]), [3, 2]);
    assert_eq!(stats.records, 2);
    assert!(log.asked_from.lock().iter().all(|at| *at == NOW - 172_800_000));
    // By a later clock nothing is left, by the log's own everything recent is.
    let later: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW + 172_800_001));
    let store = new_store();
    bootstrap(&log, &store, &later, 1).unwrap();
    assert_eq!(store.stats().posts, 0);
}

#[test]
fn a_post_without_an_author_is_read_and_not_kept() {
    let store = new_store();
    let stats = bootstrap(&log_of(2, vec![post(1, 0, 0)]), &store, &clock(), 1).unwrap();
    assert_eq!((stats.records, store.stats().posts), (1, 0));
}

#[test]
fn reposts_of_videos_are_found_across_partitions() {
    let video = event_log::Media { kind: event_log::MediaKind::Video, duration_ms: Some(9_000) };
    let mut events = Vec::new();
    for id in 1..=50 {
        let repost = PostEvent {
            post_id: PostId(1_000 + id),
            author_id: UserId(11),
            source_post_id: PostId(id),
            source_user_id: UserId(10),
            ..PostEvent::default()
        };
        let source =
            PostEvent { post_id: PostId(id), author_id: UserId(10), media: vec![video], ..PostEvent::default() };
        events.push(event(NOW, EventBody::Post(Box::new(repost))));
        events.push(event(NOW - 5, EventBody::Post(Box::new(source))));
    }
    for consumer_threads in [1, 4] {
        let store = new_store();
        bootstrap(&log_of(4, events.clone()), &store, &clock(), consumer_threads).unwrap();
        assert_eq!(videos(&store, &[11]), (1_001..=1_050).rev().collect::<Vec<_>>());
    }
}
