use event_log::{EdgeKind, EventBody, LabelEvent, LabelTarget, ProfileEvent};
use foryou_types::{PostId, Profile, TimeMs, UserId};

use crate::support::{Folder, edge, event, follow, users};

const FOLLOW: EdgeKind = EdgeKind::Follow;

#[test]
fn edges_come_and_go_and_are_counted_both_ways() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            follow(30, 1, 2),
            follow(10, 1, 3),
            follow(20, 1, 4),
            follow(20, 1, 5), // as old as the one before
            follow(40, 4, 2),
            edge(50, EdgeKind::Block, 1, 2, true),
        ],
    );
    let state = &folder.state;
    assert_eq!(users(&state.targets(FOLLOW, UserId(1)).unwrap()), [2, 5, 4, 3]);
    assert_eq!(users(&state.sources(FOLLOW, UserId(2)).unwrap()), [4, 1]);
    assert_eq!(users(&state.targets(EdgeKind::Block, UserId(1)).unwrap()), [2]);
    assert!(state.has_edge(FOLLOW, UserId(1), UserId(3)).unwrap());
    assert!(!state.has_edge(FOLLOW, UserId(3), UserId(1)).unwrap());
    assert_eq!(state.edge_at(FOLLOW, UserId(1), UserId(3)).unwrap(), Some(TimeMs(10)));
    assert_eq!(state.source_count(FOLLOW, UserId(2)).unwrap(), 2);

    // Follow again, unfollow twice, unfollow a stranger; and an unfollow that arrives late.
    folder.put(vec![
        follow(60, 1, 3),
        edge(65, FOLLOW, 1, 2, false),
        edge(66, FOLLOW, 1, 2, false),
        edge(67, FOLLOW, 1, 99, false),
        edge(5, FOLLOW, 1, 4, false),
    ]);
    let folder = folder.reopen();
    let state = &folder.state;
    assert_eq!(users(&state.targets(FOLLOW, UserId(1)).unwrap()), [3, 5, 4]);
    assert_eq!(users(&state.sources(FOLLOW, UserId(2)).unwrap()), [4]);
    assert_eq!(state.source_count(FOLLOW, UserId(2)).unwrap(), 1);
    assert_eq!(state.source_count(FOLLOW, UserId(99)).unwrap(), 0);
    assert!(state.has_edge(EdgeKind::Block, UserId(1), UserId(2)).unwrap());
}

#[test]
fn the_time_of_an_edge_decides_not_its_arrival() {
    for kind in [EdgeKind::Follow, EdgeKind::Block, EdgeKind::Mute, EdgeKind::Subscribe] {
        let folder = Folder::with(Profile::live(), vec![edge(20, kind, 1, 2, false), edge(10, kind, 1, 2, true)]);
        assert!(!folder.state.has_edge(kind, UserId(1), UserId(2)).unwrap(), "{kind:?}");
        assert_eq!(folder.state.source_count(kind, UserId(2)).unwrap(), 0);
        assert!(folder.state.targets(kind, UserId(1)).unwrap().is_empty());
        folder.put(vec![edge(30, kind, 1, 2, true), edge(25, kind, 1, 2, false)]);
        assert_eq!(folder.state.edge_at(kind, UserId(1), UserId(2)).unwrap(), Some(TimeMs(30)));
        // Of two at one moment, the later in the log.
        folder.put(vec![edge(30, kind, 1, 2, false)]);
        assert!(folder.state.sources(kind, UserId(2)).unwrap().is_empty());
    }
}

#[test]
fn ids_of_any_bits_keep_apart() {
    let folder = Folder::with(Profile::live(), vec![follow(1, u64::MAX, 1), follow(2, 1, u64::MAX), follow(3, 256, 1)]);
    assert_eq!(users(&folder.state.targets(FOLLOW, UserId(u64::MAX)).unwrap()), [1]);
    assert_eq!(users(&folder.state.sources(FOLLOW, UserId(1)).unwrap()), [256, u64::MAX]);
}

#[test]
fn keywords_are_muted_until_unmuted() {
    let mute = |user, keyword: &str, muted| {
        event(1, EventBody::MuteKeyword { user_id: UserId(user), keyword: keyword.to_owned(), muted })
    };
    let long = "x".repeat(70_000); // longer than any key of the engine
    let folder = Folder::with(Profile::live(), vec![mute(1, "über", true), mute(1, "a b", true), mute(2, &long, true)]);
    assert_eq!(folder.state.muted_keywords(UserId(1)).unwrap()[..], ["a b", "über"]);
    assert_eq!(folder.state.muted_keywords(UserId(2)).unwrap()[..], [long]);
    folder.put(vec![mute(1, "a b", false), mute(1, "never", false)]);
    assert_eq!(folder.state.muted_keywords(UserId(1)).unwrap()[..], ["über"]);
    // One keyword in every spelling that matching takes for one; an unmute that arrives late changes nothing.
    folder.put(vec![mute(1, "  ÜBER ", true)]);
    assert_eq!(folder.state.muted_keywords(UserId(1)).unwrap()[..], ["  ÜBER "]);
    let unmute = |at, keyword: &str| {
        event(at, EventBody::MuteKeyword { user_id: UserId(1), keyword: keyword.to_owned(), muted: false })
    };
    folder.put(vec![unmute(0, "u\u{308}ber")]);
    assert_eq!(folder.state.muted_keywords(UserId(1)).unwrap().len(), 1);
    folder.put(vec![unmute(2, "u\u{308}ber")]);
    assert!(folder.state.muted_keywords(UserId(1)).unwrap().is_empty());
}

#[test]
fn a_profile_keeps_what_is_not_given_and_followers_fall_back_to_the_graph() {
    let profile = |event: ProfileEvent| crate::support::event(1, EventBody::Profile(Box::new(event)));
    let folder = Folder::with(
        Profile::live(),
        vec![
            profile(ProfileEvent {
                user_id: UserId(1),
                screen_name: Some("ann".to_owned()),
                verified: Some(true),
                ..ProfileEvent::default()
            }),
            profile(ProfileEvent { user_id: UserId(1), protected: Some(true), ..ProfileEvent::default() }),
            follow(1, 2, 1),
            follow(1, 3, 1),
            follow(1, 1, 5),
        ],
    );
    let ann = folder.state.profile(UserId(1)).unwrap().unwrap();
    assert_eq!((ann.screen_name.as_deref(), ann.followers), (Some("ann"), 2));
    assert!(ann.verified && ann.protected && !ann.suspended);
    assert_eq!(folder.state.profile(UserId(5)).unwrap().unwrap().followers, 1); // known from the graph only
    assert_eq!(folder.state.profile(UserId(3)).unwrap(), None); // follows, but nobody follows them
    folder.put(vec![profile(ProfileEvent {
        user_id: UserId(1),
        followers: Some(1_000),
        verified: Some(false),
        ..ProfileEvent::default()
    })]);
    let all = folder.state.profiles(&[UserId(1), UserId(3)]).unwrap();
    let ann = all[0].as_ref().unwrap();
    assert_eq!((ann.followers, ann.verified, ann.screen_name.as_deref()), (1_000, false, Some("ann")));
    assert!(all[1].is_none());
}

#[test]
fn labels_end_when_they_say() {
    let label = |target, label: &str, until: Option<i64>| {
        event(1, EventBody::Label(LabelEvent { target, label: label.to_owned(), until: until.map(TimeMs) }))
    };
    let (on_post, on_user) = (LabelTarget::Post(PostId(7)), LabelTarget::User(UserId(7)));
    let folder = Folder::with(
        Profile::live(),
        vec![label(on_post, "spam", Some(100)), label(on_post, "abuse", None), label(on_user, "nsfw", None)],
    );
    let labels = |now| folder.state.labels_of_post(PostId(7), TimeMs(now)).unwrap();
    assert_eq!(labels(99), ["abuse", "spam"]);
    assert_eq!(labels(100), ["abuse"]);
    assert_eq!(folder.state.labels_of_user(UserId(7), TimeMs(0)).unwrap(), ["nsfw"]);
    folder.put(vec![label(on_post, "spam", Some(200)), label(on_post, "abuse", Some(0))]);
    assert_eq!(labels(150), ["spam"]);
}

#[test]
fn lists_that_were_read_follow_every_batch() {
    let folder = Folder::with(Profile::live(), vec![follow(1, 1, 2), follow(1, 9, 2)]);
    let lists = || {
        let out = |kind| users(&folder.state.targets(kind, UserId(1)).unwrap());
        (out(FOLLOW), out(EdgeKind::Block), users(&folder.state.sources(FOLLOW, UserId(2)).unwrap()))
    };
    assert_eq!((lists(), lists().2), ((vec![2], vec![], vec![9, 1]), vec![9, 1]));
    folder.put(vec![follow(2, 1, 3), edge(2, EdgeKind::Block, 1, 7, true)]);
    assert_eq!(lists(), (vec![3, 2], vec![7], vec![9, 1]));
    folder.put(vec![edge(3, FOLLOW, 1, 2, false)]);
    assert_eq!(lists(), (vec![3], vec![7], vec![9]));
    folder.put(vec![edge(4, EdgeKind::Block, 1, 7, false), follow(4, 1, 2)]);
    assert_eq!(lists(), (vec![2, 3], vec![], vec![1, 9]));
}
