use foryou_types::{PostId, Profile, TimeMs, UserId};

use crate::support::{Folder, ids, post, repost, served, shown};

#[test]
fn seen_posts_since_a_moment_newest_first_and_originals_of_reposts() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            post(0, 1, 9),
            repost(0, 2, 8, 1),
            shown(100, 1, &[5, 6]),
            shown(50, 1, &[7]), // late
            shown(200, 1, &[2]),
            shown(200, 2, &[9]),
        ],
    );
    let folder = folder.reopen();
    let seen = |since| ids(&folder.state.seen_posts(UserId(1), TimeMs(since)).unwrap());
    assert_eq!(seen(0), [1, 2, 7, 6, 5]);
    assert_eq!(seen(51), [1, 2, 6, 5]);
    assert_eq!(seen(100), [1, 2, 6, 5]);
    assert_eq!(seen(101), [1, 2]);
    assert_eq!(seen(201), [0; 0]);
    assert_eq!(ids(&folder.state.seen_posts(UserId(3), TimeMs(0)).unwrap()), [0; 0]);
}

#[test]
fn served_posts_top_of_the_newest_feed_first_at_most_the_limit() {
    let folder = Folder::with(Profile::live(), vec![served(10, 1, &[1, 2, 3]), served(20, 1, &[4, 1])]);
    let found = folder.state.served_posts(UserId(1), TimeMs(0)..=TimeMs(20), 4).unwrap();
    let want = [(4, 20), (1, 20), (1, 10), (2, 10)].map(|(id, at)| (PostId(id), TimeMs(at)));
    assert_eq!(found, want);
    let within = |from, to| folder.state.served_posts(UserId(1), TimeMs(from)..=TimeMs(to), 100).unwrap();
    assert_eq!(within(11, 20), want[..2]);
    assert_eq!(within(0, 19), [want[2], want[3], (PostId(3), TimeMs(10))], "what was served later is not looked at");
    // What was served is not what was seen.
    assert!(folder.state.seen_posts(UserId(1), TimeMs(0)).unwrap().is_empty());
    assert!(folder.state.engagement(PostId(1)).unwrap().is_none_or(|counts| counts.impressions == 0.0));
}

#[test]
fn the_newest_5000_entries_stay() {
    let feed: Vec<u64> = (1..=1_002).collect();
    let folder = Folder::with(Profile::live(), (0..5).map(|n| shown(n, 1, &feed)).collect());
    let seen = folder.state.seen_posts(UserId(1), TimeMs(0)).unwrap();
    assert_eq!(seen.len(), 5_000);
    assert_eq!((seen[0], seen[4_999]), (PostId(1_002), PostId(11))); // ten of the first feed are gone
}

#[test]
fn a_served_repost_counts_for_its_original() {
    let folder = Folder::with(Profile::live(), vec![post(1, 5, 9), repost(2, 6, 8, 5), repost(3, 7, 8, 6)]);
    folder.put(vec![served(10, 1, &[7, 4])]);
    let found = folder.state.served_posts(UserId(1), TimeMs(0)..=TimeMs(10), 9).unwrap();
    assert_eq!(found.iter().map(|(post, _)| post.0).collect::<Vec<_>>(), [7, 5, 4]);
}
