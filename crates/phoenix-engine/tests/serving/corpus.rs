//! From the log to the corpus.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use event_log::follow::Follows;
use event_log::{
    EdgeEvent, EdgeKind, Event, EventBody, EventSink, EventSource, FaultyLog, LogError, MemoryLog, Position, Topic,
};
use foryou_io::Step;
use foryou_types::{PostId, UserId};
use parking_lot::Mutex;
use phoenix::post_info;
use phoenix::{Corpus, PostInfo};
use phoenix_engine::service::{CorpusListener, follow_posts, read_posts};

use crate::support::{LONG, NOW, created_at, delete, event, post, post_event};

fn ids(corpus: &Corpus) -> Vec<u64> {
    let mut ids = Vec::new();
    corpus.for_each(|post, _| ids.push(post.0));
    ids.sort_unstable();
    ids
}

/// Writes down what it is told, and panics over one post.
#[derive(Default)]
struct Notes {
    told: Mutex<Vec<(u64, bool)>>,
    panics_over: Option<u64>,
}

impl CorpusListener for Notes {
    fn created(&self, post: PostId, info: &PostInfo) {
        assert_ne!(self.panics_over, Some(post.0), "a listener's bug");
        assert!(info.created_at.is_some());
        self.told.lock().push((post.0, true));
    }
    fn deleted(&self, post: PostId) {
        self.told.lock().push((post.0, false));
    }
}

fn follow() -> Event {
    let edge = EdgeEvent { user_id: UserId(1), target_id: UserId(2), kind: EdgeKind::Follow, added: true };
    event(NOW, EventBody::Edge(edge))
}

fn ready() -> Step {
    Step::new("phoenix corpus", "posts")
}

#[test]
fn it_reads_what_there_is_and_then_what_comes() {
    for partitions in [1, 4] {
        let log = Arc::new(MemoryLog::new(partitions));
        // A delete may come before its post.
        log.append(vec![delete(7)]).unwrap();
        log.append((1..=10).map(post).chain([follow(), delete(3)]).collect()).unwrap();
        let corpus = Arc::new(Corpus::new());
        let stats = read_posts(&*log, &corpus).unwrap();
        assert_eq!(ids(&corpus), [1, 2, 4, 5, 6, 8, 9, 10]);
        assert_eq!((stats.records, stats.skipped), (12, 0));
        assert_eq!(stats.position, log.head().position);
        assert_eq!(corpus.get(PostId(5)), Some(post_info(created_at(5), &post_event(5))));

        let notes = Arc::new(Notes::default());
        let (corpus, step) = (Arc::new(Corpus::new()), ready());
        let follower = follow_posts(log.clone(), &corpus, Some(notes.clone()), &step).unwrap();
        assert!(step.wait_blocking(LONG));
        assert_eq!(ids(&corpus), [1, 2, 4, 5, 6, 8, 9, 10]);
        notes.told.lock().clear();
        for id in 12..40 {
            let end = log.append(vec![post(id)]).unwrap().position;
            assert!(follower.wait_for(&end, LONG));
            assert!(corpus.get(PostId(id)).is_some());
        }
        // An event of another topic moves the position too.
        let end = log.append(vec![delete(39), follow()]).unwrap().position;
        assert!(follower.wait_for(&end, LONG));
        assert!(corpus.get(PostId(39)).is_none());
        let told: Vec<_> = (12..40).map(|id| (id, true)).chain([(39, false)]).collect();
        assert_eq!(*notes.told.lock(), told);
        assert_eq!(follower.stats().records, 41);
        drop(follower);
        log.append(vec![post(50)]).unwrap();
        assert!(corpus.get(PostId(50)).is_none());
    }
}

#[test]
fn an_empty_log_is_caught_up_at_once() {
    let step = ready();
    let follower = follow_posts(Arc::new(MemoryLog::new(2)), &Arc::new(Corpus::new()), None, &step).unwrap();
    assert!(step.wait_blocking(LONG));
    assert!(follower.wait_for(&Position::default(), LONG));
    assert!(!follower.wait_for(&Position::new(&[(Topic::Posts, &[1])], None), Duration::from_millis(10)));
}

#[test]
fn a_panic_over_one_post_costs_that_post_and_nothing_else() {
    let log = Arc::new(MemoryLog::new(1));
    let end = log.append((1..=5).map(post).collect()).unwrap().position;
    let notes = Arc::new(Notes { panics_over: Some(3), ..Notes::default() });
    let corpus = Arc::new(Corpus::new());
    let follower = follow_posts(log, &corpus, Some(notes.clone()), &ready()).unwrap();
    assert!(follower.wait_for(&end, LONG));
    assert_eq!(notes.told.lock().iter().map(|told| told.0).collect::<Vec<_>>(), [1, 2, 4, 5]);
    assert_eq!((follower.stats().skipped, follower.stats().panics), (1, 1));
}

#[test]
fn what_cannot_be_read_is_skipped_and_what_cannot_be_reached_is_asked_again() {
    let log = MemoryLog::new(1);
    let end = log.append((1..=5).map(post).collect()).unwrap().position;
    let log = FaultyLog { log, corrupt: [(0, 2)].into(), failures: AtomicUsize::new(1), ..FaultyLog::default() };
    let log = Arc::new(log);
    let corpus = Arc::new(Corpus::new());
    assert!(matches!(read_posts(&*log, &corpus), Err(LogError::Io { .. })), "who reads once is told");
    log.failures.store(2, SeqCst);
    let follower = follow_posts(log, &corpus, None, &ready()).unwrap();
    assert!(follower.wait_for(&end, LONG));
    assert_eq!(ids(&corpus), [1, 2, 4, 5]);
    let stats = follower.stats();
    assert_eq!((stats.skipped, stats.read_errors), (1, 2));
}
