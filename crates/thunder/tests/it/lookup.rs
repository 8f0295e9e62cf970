//! The lookup rules, each by a case computed by hand.

use std::time::Duration;

use foryou_io::{ManualMonotonic, MonotonicClock};
use foryou_types::seams::{InNetworkRequest, LightPost};
use foryou_types::{PostId, TimeMs, UserId};
use thunder::{Deadline, PostStore, StoreConfig};

use crate::support::{
    NOW, VIEWER, ask, feed, ids, original, reply, repost, request, store_of, store_with, video, videos,
};

#[test]
fn newest_first_over_all_followed_accounts_and_nobody_else() {
    let store = store_of(&[original(1, 10, 5_000), original(2, 11, 4_000), original(3, 10, 3_000), original(4, 12, 0)]);
    assert_eq!(feed(&store, &[10, 11]), [3, 2, 1]);
    assert_eq!(feed(&store, &[11, 10, 11, 10, 0]), [3, 2, 1], "an account that occurs twice is one");
    assert_eq!(feed(&store, &[]), [0; 0]);
    assert_eq!(feed(&store, &[77]), [0; 0]);
}

#[test]
fn posts_of_the_same_second_and_millisecond_all_come_in_a_fixed_order() {
    let store =
        store_of(&[original(5, 10, 1_000), original(9, 11, 1_000), original(7, 10, 1_000), original(6, 10, 999)]);
    assert_eq!(feed(&store, &[10, 11]), [6, 9, 7, 5]);
}

#[test]
fn posts_that_come_out_of_order_stand_in_order() {
    let store = store_of(&[original(1, 10, 100), original(2, 10, 300), original(3, 10, 200), original(4, 10, 0)]);
    assert_eq!(feed(&store, &[10]), [4, 1, 3, 2]);
}

#[test]
fn ids_with_the_highest_bit_are_ids_like_others() {
    let (author, post) = ((-3609194402293569455i64).cast_unsigned(), u64::MAX);
    let store = store_of(&[original(post, author, 10), original(1 << 63, author, 10)]);
    assert_eq!(feed(&store, &[author]), [post, 1 << 63]);
    assert!(store.mark_as_deleted(PostId(post), NOW));
    assert_eq!(feed(&store, &[author]), [1 << 63]);
}

#[test]
fn every_field_of_a_post_comes_back() {
    let all = LightPost { has_video: true, ..reply(3, 10, 5, (1, 10), 1) };
    let both = LightPost {
        source_post_id: PostId(8),
        source_user_id: UserId(9),
        is_retweet: true,
        ..reply(4, 10, 1, (1, 10), 1)
    };
    let posts = [original(1, 10, 20), repost(2, 10, 10, (u64::MAX, 5)), all, both];
    let store = store_of(&posts);
    let mut expected = posts.to_vec();
    expected.reverse();
    assert_eq!(ask(&store, &request(&[10])).response.posts, expected);
    assert_eq!(store.get(PostId(4)), Some(both));
}

#[test]
fn excluded_posts_are_left_out_and_make_room() {
    let config = StoreConfig { max_originals_per_author: 2, ..StoreConfig::default() };
    let store =
        store_with(config, &[original(1, 10, 40), original(2, 10, 30), original(3, 10, 20), original(4, 10, 10)]);
    let excluding = InNetworkRequest { exclude_post_ids: vec![PostId(4), PostId(2), PostId(77)], ..request(&[10]) };
    assert_eq!(ids(&ask(&store, &excluding)), [3, 1], "limits per author count after filtering");
}

#[test]
fn reposts_are_kept_except_of_the_viewers_own_posts() {
    let store = store_of(&[
        original(1, VIEWER, 100),
        repost(2, 10, 50, (1, VIEWER)),
        repost(3, 10, 40, (8, 12)),
        repost(4, 10, 30, (9, 10)),
    ]);
    assert_eq!(feed(&store, &[10]), [4, 3]);
    // Nobody's posts are not the posts of a viewer without an id.
    let nobody = InNetworkRequest { user_id: UserId::NONE, ..request(&[11]) };
    let store = store_of(&[repost(5, 11, 0, (9, 0))]);
    assert_eq!(ids(&ask(&store, &nobody)), [5]);
}

#[test]
fn a_repost_goes_with_what_it_reposts() {
    let store = store_of(&[original(1, 20, 100), repost(2, 10, 50, (1, 20)), repost(3, 10, 40, (8, 12))]);
    assert_eq!(feed(&store, &[10]), [3, 2]);
    store.mark_as_deleted(PostId(1), NOW);
    assert_eq!(feed(&store, &[10]), [3]);
    store.mark_as_deleted(PostId(8), NOW);
    assert_eq!(feed(&store, &[10]), [0; 0], "also where the original was never stored");
}

#[test]
fn a_reply_needs_a_stored_parent() {
    let store = store_of(&[reply(2, 10, 5, (1, 11), 1)]);
    assert_eq!(feed(&store, &[10, 11]), [0; 0], "parent missing");
    store.insert(original(1, 11, 10), NOW);
    assert_eq!(feed(&store, &[10]), [2], "parent an original, whoever wrote it and whenever it came");
    store.mark_as_deleted(PostId(1), NOW);
    assert_eq!(feed(&store, &[10]), [0; 0], "parent deleted");
    let to_nothing = LightPost { is_reply: true, ..original(3, 10, 0) };
    store.insert(to_nothing, NOW);
    assert_eq!(feed(&store, &[10]), [0; 0], "a reply that does not say to what");
}

#[test]
fn a_reply_to_a_reply_needs_a_followed_author_and_the_first_level() {
    // 1 (by 20) <- 2 (by 21) <- 3 (by 22) <- 4 (by 23), all in thread 1.
    let store = store_of(&[
        original(1, 20, 40),
        reply(2, 21, 30, (1, 20), 1),
        reply(3, 22, 20, (2, 21), 1),
        reply(4, 23, 10, (3, 22), 1),
    ]);
    assert_eq!(feed(&store, &[22]), [0; 0], "the parent's author is not followed");
    assert_eq!(feed(&store, &[22, 20]), [1], "following the thread's author does not count");
    assert_eq!(feed(&store, &[22, 21]), [3, 2], "the parent replies to the first post and its author is followed");
    assert_eq!(feed(&store, &[23, 22, 21, 20]), [3, 2, 1], "4's parent does not reply directly to the first post");
}

#[test]
fn a_reply_to_a_repost_is_dropped() {
    let store = store_of(&[repost(1, 20, 40, (7, 70)), reply(2, 21, 30, (1, 20), 1)]);
    assert_eq!(feed(&store, &[21]), [0; 0]);
    assert_eq!(feed(&store, &[21, 20]), [1]);
}

#[test]
fn a_thread_that_is_not_named_is_never_the_parents() {
    // The parent answers nothing that is named, the reply names no thread: 0 is not a thread both are in.
    let parent = LightPost { is_reply: true, ..original(2, 21, 30) };
    let store = store_of(&[parent, LightPost { conversation_id: PostId::NONE, ..reply(3, 22, 20, (2, 21), 0) }]);
    assert_eq!(feed(&store, &[22, 21]), [0; 0]);
}

#[test]
fn video_requests_get_originals_and_reposts_with_video_and_no_reply() {
    let store = store_of(&[
        video(1, 10, 100),
        original(2, 10, 90),
        LightPost { has_video: true, ..reply(3, 10, 80, (1, 10), 1) },
        repost(4, 11, 70, (1, 10)),
        repost(5, 11, 60, (2, 10)),
        repost(6, 11, 50, (3, 10)),
        LightPost { is_reply: true, in_reply_to_post_id: PostId(1), ..repost(7, 11, 40, (1, 10)) },
        repost(8, 11, 30, (1_000, 10)),
    ]);
    assert_eq!(videos(&store, &[10, 11]), [4, 1]);
    assert!(store.get(PostId(4)).unwrap().has_video, "a repost of a video is marked as one");
    assert!(!store.get(PostId(6)).unwrap().has_video, "a reply's video is not reposted");
    // The source of 8 comes later, from another partition: the same answer as in the other order.
    store.insert(video(1_000, 10, 200), NOW);
    assert_eq!(videos(&store, &[10, 11]), [8, 4, 1, 1_000]);
    let own = InNetworkRequest { user_id: UserId(10), is_video_request: true, ..request(&[10, 11]) };
    assert_eq!(ids(&ask(&store, &own)), [1, 1_000], "reposts of the viewer's own videos are skipped here too");
}

#[test]
fn a_post_that_reposts_itself_is_no_video() {
    let store = store_of(&[LightPost { has_video: true, ..repost(1, 10, 5, (1, 10)) }]);
    assert_eq!(videos(&store, &[10]), [0; 0]);
    assert_eq!(feed(&store, &[10]), [1]);
}

#[test]
fn limits_per_author_hold_for_each_list() {
    let mut posts = Vec::new();
    for i in 0..60 {
        posts.push(original(1_000 + i, 10, i as i64 * 10));
        posts.push(repost(2_000 + i, 10, i as i64 * 10 + 1, (i + 1, 77)));
    }
    for i in 0..120 {
        posts.push(video(3_000 + i, 11, i as i64 * 10));
    }
    let store = store_of(&posts);
    let found = feed(&store, &[10]);
    assert_eq!(found.iter().filter(|id| **id < 2_000).count(), 50);
    assert_eq!(found.iter().filter(|id| **id >= 2_000).count(), 30);
    assert_eq!(found[..3], [1_000, 2_000, 1_001]);
    assert_eq!(videos(&store, &[11]).len(), 100);
    assert_eq!(feed(&store, &[11]).len(), 50, "a video is an original like others");
}

#[test]
fn answers_are_cut_to_the_limits() {
    let posts: Vec<_> = (1..=3_000).map(|i| video(i, i % 100 + 1, i as i64)).collect();
    let store = store_of(&posts);
    let everyone: Vec<_> = (1..=100).collect();
    assert_eq!(feed(&store, &everyone), (1..=1_200).collect::<Vec<_>>());
    assert_eq!(videos(&store, &everyone), (1..=600).collect::<Vec<_>>());
    let few = |max_results| ids(&ask(&store, &InNetworkRequest { max_results, ..request(&everyone) }));
    assert_eq!(few(3), [1, 2, 3]);
    assert_eq!(few(1_000_000).len(), 1_200);
}

#[test]
fn long_lists_are_cut_with_a_warning() {
    let config = StoreConfig { max_following: 2, max_excluded: 1, ..StoreConfig::default() };
    let store = store_with(config, &[original(1, 10, 30), original(2, 11, 20), original(3, 12, 10)]);
    let long = InNetworkRequest { exclude_post_ids: vec![PostId(1), PostId(2)], ..request(&[10, 11, 12]) };
    let answer = ask(&store, &long);
    assert_eq!(ids(&answer), [2]);
    assert_eq!(
        answer.response.warnings,
        ["following_user_ids: only the first 2 of 3 were used", "exclude_tweet_ids: only the first 1 of 2 were used"]
    );
    assert!(ask(&store, &request(&[10, 11])).response.warnings.is_empty());
}

#[test]
fn the_scan_window_counts_live_entries_only() {
    let posts: Vec<_> = (1..=1_200).map(|i| original(i, 10, i as i64)).collect();
    let store = store_of(&posts);
    // The 600 newest are deleted: they must not eat the window of 500.
    for id in 1..=600 {
        assert!(store.mark_as_deleted(PostId(id), NOW));
    }
    assert_eq!(feed(&store, &[10]), (601..=650).collect::<Vec<_>>());
    // Excluded posts do: after 500 of them nothing is left of the window.
    let excluding =
        |n: u64| InNetworkRequest { exclude_post_ids: (601..601 + n).map(PostId).collect(), ..request(&[10]) };
    assert_eq!(ids(&ask(&store, &excluding(499))), [1_100]);
    assert_eq!(ids(&ask(&store, &excluding(500))), [0; 0]);
}

#[test]
fn a_request_may_bring_its_own_now() {
    let store = store_of(&[original(1, 10, 100_000), original(2, 10, 50_000), original(3, 10, 0)]);
    let at = |now| ids(&ask(&store, &InNetworkRequest { now: Some(now), ..request(&[10]) }));
    assert_eq!(at(NOW - 60_000), [1], "what comes after that now does not exist yet");
    assert_eq!(at(NOW - 55_000), [2, 1], "up to the clock skew");
    assert_eq!(at(NOW - 50_000 + 172_800_000), [3, 2], "retention follows that now");
    assert_eq!(at(NOW + 172_800_001), [0; 0]);
    assert_eq!(at(TimeMs(i64::MAX)), [0; 0]);
    assert_eq!(at(TimeMs(i64::MIN)), [0; 0]);
}

#[test]
fn a_parent_outside_the_retention_is_gone_before_it_is_trimmed() {
    let store = store_of(&[original(1, 11, 172_799_000), reply(2, 10, 5, (1, 11), 1)]);
    assert_eq!(feed(&store, &[10]), [2]);
    let later = InNetworkRequest { now: Some(NOW + 1_001), ..request(&[10]) };
    assert_eq!(ids(&ask(&store, &later)), [0; 0]);
}

#[test]
fn a_deadline_leaves_the_answer_partial() {
    let store = PostStore::new(StoreConfig::default());
    for author in 1..=64 {
        store.insert(original(author, author, author as i64), NOW);
    }
    let everyone = request(&(1..=64).collect::<Vec<_>>());
    let ask_within = |looks: u32| {
        // A millisecond passes at each look at the clock, one look every 16 authors.
        let monotonic = ManualMonotonic::stepping(Duration::from_millis(1));
        let at = monotonic.now() + Duration::from_millis(looks.into());
        store.lookup(&everyone, &everyone.following_user_ids, Some(Deadline { at, monotonic: &monotonic }), NOW)
    };
    let none = ask_within(0);
    assert!(none.response.partial && none.response.posts.is_empty());
    let half = ask_within(3);
    assert!(half.response.partial);
    assert_eq!(ids(&half), (1..=32).collect::<Vec<_>>());
    let all = ask_within(100);
    assert!(!all.response.partial);
    assert_eq!(all.response.posts.len(), 64);
}

#[test]
fn the_counters_say_what_was_done() {
    let store = store_of(&[original(1, 10, 30), repost(2, 10, 20, (5, VIEWER)), original(3, 11, 10)]);
    let stats = ask(&store, &request(&[10, 11, 12, 10])).stats;
    assert_eq!((stats.authors_looked_at, stats.entries_scanned, stats.posts_eligible), (3, 3, 2));
}
