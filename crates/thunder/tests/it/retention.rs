//! What the store takes, keeps and lets go.

use foryou_types::seams::LightPost;
use foryou_types::{PostId, TimeMs, UserId};
use thunder::{InsertOutcome, PostStore, StoreConfig, StoreStats};

use crate::support::{NOW, feed, original, reply, repost, store_of, store_with, video, videos};

const RETENTION_MS: i64 = 172_800_000;

#[test]
fn posts_are_taken_from_the_retention_to_the_clock_skew() {
    let store = PostStore::new(StoreConfig::default());
    let insert = |id, age_ms| store.insert(original(id, 10, age_ms), NOW);
    assert_eq!(insert(1, RETENTION_MS), InsertOutcome::Stored);
    assert_eq!(insert(2, RETENTION_MS + 1), InsertOutcome::TooOld);
    assert_eq!(insert(3, -5_000), InsertOutcome::Stored);
    assert_eq!(insert(4, -5_001), InsertOutcome::FromTheFuture);
    assert_eq!(feed(&store, &[10]), [3, 1]);
}

#[test]
fn what_cannot_be_kept_is_named() {
    let store = PostStore::new(StoreConfig::default());
    assert_eq!(store.insert(original(0, 10, 0), NOW), InsertOutcome::Unusable);
    assert_eq!(store.insert(original(1, 0, 0), NOW), InsertOutcome::Unusable, "nobody follows the author");
    let no_calendar = LightPost { created_at: TimeMs(i64::MAX), ..original(1, 10, 0) };
    assert_eq!(store.insert(no_calendar, TimeMs(i64::MAX)), InsertOutcome::Unusable);
    assert!(!store.mark_as_deleted(PostId::NONE, NOW));
    assert_eq!(store.stats(), StoreStats::default());
}

#[test]
fn a_known_id_is_indexed_once() {
    let store = store_of(&[video(1, 10, 10)]);
    assert_eq!(store.insert(video(1, 10, 10), NOW), InsertOutcome::Known);
    assert_eq!(store.insert(original(1, 11, 5), NOW), InsertOutcome::Known);
    assert_eq!((feed(&store, &[10, 11]), videos(&store, &[10])), (vec![1], vec![1]));
    let report = store.insert_posts(&[original(1, 10, 0), original(2, 10, 0), original(3, 0, 0)], NOW);
    assert_eq!((report.stored, report.known, report.unusable), (1, 1, 1));
}

#[test]
fn a_delete_holds_whatever_order_the_events_came_in() {
    let store = store_of(&[original(1, 10, 10), original(2, 10, 5)]);
    assert!(store.mark_as_deleted(PostId(1), NOW));
    assert!(!store.mark_as_deleted(PostId(1), NOW));
    assert!(!store.mark_as_deleted(PostId(3), NOW), "a delete before its create");
    assert_eq!(store.insert(original(1, 10, 10), NOW), InsertOutcome::Deleted);
    assert_eq!(store.insert(original(3, 10, 0), NOW), InsertOutcome::Deleted);
    assert_eq!(feed(&store, &[10]), [2]);
    assert_eq!(store.stats(), StoreStats { posts: 1, authors: 1, deletes: 2 });
}

#[test]
fn deletes_are_remembered_until_the_retention_has_passed() {
    let store = PostStore::new(StoreConfig::default());
    store.mark_as_deleted(PostId(1), NOW);
    store.trim_old_posts(NOW + RETENTION_MS, usize::MAX);
    assert_eq!(store.insert(original(1, 10, 0), NOW), InsertOutcome::Deleted);
    let report = store.trim_old_posts(NOW + RETENTION_MS + 1, usize::MAX);
    assert_eq!((report.deletes, report.round_finished), (1, true));
    assert_eq!(store.insert(original(1, 10, 0), NOW), InsertOutcome::Stored);
}

#[test]
fn a_delete_from_the_future_neither_underflows_nor_is_lost() {
    let store = store_of(&[original(1, 10, 0)]);
    store.mark_as_deleted(PostId(1), TimeMs(i64::MAX));
    store.mark_as_deleted(PostId(2), NOW + 3_600_000);
    let report = store.trim_old_posts(NOW, usize::MAX);
    assert_eq!((report.posts, report.deletes), (0, 0));
    store.trim_old_posts(TimeMs(i64::MIN), usize::MAX);
    assert_eq!(store.insert(original(2, 10, 0), NOW), InsertOutcome::Deleted);
    assert_eq!(store.stats().deletes, 2);
}

#[test]
fn trimming_removes_what_is_older_than_the_retention_and_forgets_its_author() {
    let store =
        store_of(&[original(1, 10, 2_000), video(2, 10, 1_000), repost(3, 11, 2_000, (9, 9)), original(4, 12, 0)]);
    let report = store.trim_old_posts(NOW + RETENTION_MS - 1_500, usize::MAX);
    assert_eq!((report.posts, report.round_finished), (2, true));
    assert_eq!(store.stats(), StoreStats { posts: 2, authors: 2, deletes: 0 });
    assert_eq!(store.get(PostId(1)), None);
    assert_eq!(store.get(PostId(2)), Some(video(2, 10, 1_000)));
    // What is gone may come again, if it is young enough by then.
    assert_eq!(store.insert(original(1, 10, 0), NOW), InsertOutcome::Stored);
}

#[test]
fn a_round_of_trimming_is_spread_over_many_small_calls() {
    let posts: Vec<_> = (1..=2_000).map(|i| original(i, i % 300 + 1, (i % 2) as i64 * 5_000)).collect();
    let store = store_of(&posts);
    let later = NOW + RETENTION_MS - 2_500;
    let (mut calls, mut removed) = (0, 0);
    loop {
        let report = store.trim_old_posts(later, 50);
        assert!(report.posts <= 50, "a call does no more than its budget");
        removed += report.posts;
        calls += 1;
        if report.round_finished {
            break;
        }
    }
    assert_eq!((removed, store.stats().posts), (1_000, 1_000));
    assert!(calls >= 20, "{calls}");
}

#[test]
fn the_smallest_budgets_still_finish_a_round_and_forget_emptied_authors() {
    for budget in [1, 2, 3, 5] {
        let posts: Vec<_> = (1..=30).map(|i| original(i, i % 10 + 1, 0)).collect();
        let store = store_of(&posts);
        let later = NOW + RETENTION_MS + 1;
        let calls = (0..10_000).take_while(|_| !store.trim_old_posts(later, budget).round_finished).count();
        assert!(calls < 1_000, "budget {budget}");
        assert_eq!(store.stats(), StoreStats::default(), "budget {budget}");
    }
}

#[test]
fn trimming_follows_the_now_it_is_given() {
    // A folder of 2012 on its own clock keeps its posts whatever the wall says.
    let then = TimeMs::parse("2012-07-04T12:00:00Z").unwrap();
    let store = PostStore::new(StoreConfig::default());
    let post = LightPost { post_id: PostId(1), author_id: UserId(10), created_at: then, ..LightPost::default() };
    assert_eq!(store.insert(post, then), InsertOutcome::Stored);
    assert_eq!(store.insert(LightPost { post_id: PostId(2), ..post }, NOW), InsertOutcome::TooOld);
    assert_eq!(store.trim_old_posts(then, usize::MAX).posts, 0);
}

#[test]
fn a_full_list_loses_its_oldest() {
    let config = StoreConfig { max_timeline_entries: 3, ..StoreConfig::default() };
    let store =
        store_with(config, &[original(1, 10, 40), original(2, 10, 30), repost(3, 10, 50, (9, 9)), original(4, 10, 20)]);
    assert_eq!(feed(&store, &[10]), [4, 2, 1, 3]);
    store.insert(original(5, 10, 10), NOW);
    assert_eq!(feed(&store, &[10]), [5, 4, 2, 3], "only the list that is full loses one");
    assert_eq!(store.get(PostId(1)), None, "no list holds it any more");
    // One that comes late and is the oldest is the one to go.
    store.insert(original(6, 10, 100), NOW);
    assert_eq!(feed(&store, &[10]), [5, 4, 2, 3]);
    assert_eq!(store.stats().posts, 4);
}

#[test]
fn evicting_from_the_video_list_leaves_the_post_to_the_other_lists() {
    let config = StoreConfig { max_timeline_entries: 2, ..StoreConfig::default() };
    let store = store_with(config, &[video(1, 9, 100), repost(2, 10, 90, (1, 9)), video(3, 10, 30), video(4, 10, 20)]);
    // Author 10's videos hold 4 and 3; the repost 2 was evicted from them and stays a secondary post.
    assert_eq!(videos(&store, &[10]), [4, 3]);
    assert_eq!(feed(&store, &[10]), [4, 3, 2]);
    // And the other way: evicted from the originals, 3 goes only when the videos let it go too.
    store.insert(original(5, 10, 10), NOW);
    assert_eq!(feed(&store, &[10]), [5, 4, 2]);
    assert_eq!(videos(&store, &[10]), [4, 3]);
    assert!(store.get(PostId(3)).is_some());
    store.insert(video(6, 10, 5), NOW);
    assert_eq!(videos(&store, &[10]), [6, 4]);
    assert_eq!(store.get(PostId(3)), None);
}

#[test]
fn a_reposted_video_that_comes_late_does_not_revive_what_is_gone() {
    let store = store_of(&[repost(2, 10, 90, (1, 9)), repost(3, 11, 80, (1, 9)), reply(4, 12, 70, (1, 9), 1)]);
    store.mark_as_deleted(PostId(2), NOW);
    store.insert(video(1, 9, 100), NOW);
    assert_eq!(videos(&store, &[9, 10, 11, 12]), [3, 1]);
    assert_eq!(store.get(PostId(2)), None);
}
