//! Higgs on invented rows: hours, self-actions, edges, ids.

use event_log::{ActionEvent, EdgeEvent, EdgeKind, PostEvent};
use foryou_types::{ClockKind, PostId, TimeMs, UserId};
use proptest::prelude::*;

use super::*;
use crate::import::higgs::Higgs;

/// 2012-07-01T00:00:00Z, the start of an hour.
const T: i64 = 1_341_100_800;

const ACTIVITY: &str = "higgs-activity_time.txt.gz";
const NETWORK: &str = "higgs-retweet_network.edgelist.gz";

fn rows() -> String {
    let rows = [
        (1u64, 2u64, 10, "RT"),
        (3, 2, 20, "RE"),
        (4, 4, 30, "MT"),
        (4, 2, 3_600, "MT"),
        (2, u64::MAX, 3_700, "RT"),
        // The same row twice is two retweets.
        (2, u64::MAX, 3_700, "RT"),
    ];
    lines(rows, |(a, b, second, kind)| format!("{a} {b} {} {kind}", T + second))
}

fn set() -> Set {
    Set::new().with(ACTIVITY, &rows()).with(NETWORK, "1 2 5\n2 1 1\n9 8 1\n5 5 1\n")
}

fn posts_of(events: &[Event]) -> Vec<(TimeMs, PostEvent)> {
    events
        .iter()
        .filter_map(|e| match &e.body {
            EventBody::Post(post) => Some((e.at, (**post).clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn rows_become_the_events_of_the_rules() {
    let log = MemoryLog::default();
    let report = import_set("higgs", set().path(), &log).unwrap();
    assert_eq!((report.imported.posts, report.imported.actions, report.imported.edges), (8, 4, 3));
    assert_eq!((report.rows, report.rejected_total, report.duplicates), (10, 0, 0));
    assert_eq!(
        report.skipped.into_iter().collect::<Vec<_>>(),
        [("self_actions".to_owned(), 1), ("self_edges".to_owned(), 1)]
    );

    let events = events_of(&log);
    let posts = posts_of(&events);
    let at = |second| TimeMs::from_secs(T + second);
    let ids: Vec<PostId> = posts.iter().map(|(_, post)| post.post_id).collect();
    let [source_2, repost, reply, source_2_later, mention, source_max, repost_1, repost_2] = ids[..] else { panic!() };
    let own = |post_id, author| PostEvent { post_id, author_id: UserId(author), ..PostEvent::default() };
    let of_max =
        |post_id| PostEvent { source_post_id: source_max, source_user_id: UserId(u64::MAX), ..own(post_id, 2) };
    assert_eq!(
        posts,
        [
            (at(10), own(source_2, 2)),
            (at(10), PostEvent { source_post_id: source_2, source_user_id: UserId(2), ..own(repost, 1) }),
            (
                at(20),
                PostEvent {
                    in_reply_to_post_id: source_2,
                    in_reply_to_user_id: UserId(2),
                    conversation_id: source_2,
                    ..own(reply, 3)
                }
            ),
            (at(3_600), own(source_2_later, 2)),
            (at(3_600), own(mention, 4)),
            (at(3_700), own(source_max, u64::MAX)),
            (at(3_700), of_max(repost_1)),
            (at(3_700), of_max(repost_2)),
        ]
    );
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 8);
    assert!(ids.iter().all(|id| id.is_some()));

    let actions: Vec<_> = events
        .iter()
        .filter_map(|e| match &e.body {
            EventBody::Action(ActionEvent { user_id, post_id, action, .. }) => {
                Some((e.at, user_id.0, *post_id, *action))
            }
            _ => None,
        })
        .collect();
    let set = Higgs::default_profile().action_set;
    let (repost, reply) = (set.index_of("repost").unwrap(), set.index_of("reply").unwrap());
    assert_eq!(
        actions,
        [
            (at(10), 1, source_2, repost),
            (at(20), 3, source_2, reply),
            (at(3_700), 2, source_max, repost),
            (at(3_700), 2, source_max, repost)
        ]
    );

    let edges: Vec<_> = events
        .iter()
        .filter_map(|e| match e.body {
            EventBody::Edge(EdgeEvent { user_id, target_id, kind: EdgeKind::Follow, added: true }) => {
                Some((e.at, user_id.0, target_id.0))
            }
            _ => None,
        })
        .collect();
    // 2 and 1 met when 1 retweeted 2; 9 and 8 never did, so theirs is the first time of the set.
    assert_eq!(edges, [(at(10), 1, 2), (at(10), 2, 1), (at(10), 9, 8)]);
}

#[test]
fn the_profile_is_of_a_log_with_authors_and_a_graph() {
    let set = set();
    let importer = open("higgs", set.path(), None).unwrap();
    let profile = importer.profile();
    assert_eq!((profile.name.as_str(), profile.clock, profile.acted_is_seen), ("higgs", ClockKind::Log, true));
    assert_eq!(profile.has, [foryou_types::Has::Authors, foryou_types::Has::Graph]);
    assert_eq!(profile.limits.max_post_age_seconds, 48 * 3_600);
    assert_eq!(profile.check(), Ok(()));
}

#[test]
fn a_source_post_is_created_at_its_first_activity_even_where_that_comes_later_in_the_file() {
    let set = Set::new().with(ACTIVITY, &format!("1 2 {} RT\n3 2 {} RE\n", T + 50, T + 7)).with(NETWORK, "1 2 1\n");
    let log = MemoryLog::default();
    import_set("higgs", set.path(), &log).unwrap();
    assert_eq!(posts_of(&events_of(&log))[0].0, TimeMs::from_secs(T + 7));
}

#[test]
fn rows_appended_later_belong_to_the_posts_of_before() {
    let set = set();
    let log = MemoryLog::default();
    import_set("higgs", set.path(), &log).unwrap();
    let before = events_of(&log);
    // One more reply in the first hour (its source post is there, and stays as old as it is), one edge more.
    set.write(ACTIVITY, &format!("{}7 2 {} RE\n", rows(), T + 5));
    set.write(NETWORK, "1 2 5\n2 1 1\n9 8 1\n5 5 1\n7 2 1\n");
    let report = import_set("higgs", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.rows_already_there), (2, 10));
    assert_eq!((report.imported.posts, report.imported.actions, report.imported.edges), (1, 1, 1));
    let events = events_of(&log);
    assert_eq!(events[..before.len()], before);
    assert_eq!(posts_of(&events).last().unwrap().1.in_reply_to_post_id, posts_of(&events)[0].1.post_id);
    assert_eq!(events.last().unwrap().at, TimeMs::from_secs(T + 5));
}

#[test]
fn bad_rows_are_counted_and_listed_with_their_line() {
    let text =
        format!("1 2 {T} RT\n1 2 {T}\n1 x {T} RT\n0 2 {T} RT\n1 2 soon RT\n1 2 {T} FAV\n1 2 {T} RT RT\n\n3 2 {T} RT\n");
    let set = Set::new().with(ACTIVITY, &text).with(NETWORK, "1 2 1\n1 2 many\n-1 2 1\n");
    let log = MemoryLog::default();
    let report = import_set("higgs", set.path(), &log).unwrap();
    assert_eq!((report.imported.posts, report.imported.actions, report.imported.edges), (3, 2, 1));
    let listed: Vec<_> = report.rejected.iter().map(|r| (r.file.as_str(), r.line, r.reason.as_str())).collect();
    let short = format!("3 columns instead of 4: \"1 2 {T}\"");
    let long = format!("5 columns instead of 4: \"1 2 {T} RT RT\"");
    assert_eq!(
        listed,
        [
            (ACTIVITY, 2, short.as_str()),
            (ACTIVITY, 3, "user B \"x\" is not an unsigned 64-bit number"),
            (ACTIVITY, 4, "user A must not be 0"),
            (ACTIVITY, 5, "timestamp \"soon\" is not a time in Unix seconds"),
            (ACTIVITY, 6, "unknown activity \"FAV\" (RT, RE and MT are known)"),
            (ACTIVITY, 7, long.as_str()),
            (ACTIVITY, 8, "0 columns instead of 4: \"\""),
            (NETWORK, 2, "weight \"many\" is not a number of retweets"),
            (NETWORK, 3, "user A \"-1\" is not an unsigned 64-bit number"),
        ]
    );
    assert_eq!(report.rejected_reasons["… columns instead of …: …"], 3);
    let again = import_set("higgs", set.path(), &log).unwrap();
    assert_eq!((again.rows, again.rejected_total, again.rows_refused_again), (0, 9, 9), "they are tried again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_interrupted_import_ends_as_an_undisturbed_one(
        rows in prop::collection::vec((1u64..6, 1u64..6, 0i64..9_000, 0usize..4), 1..24),
        edges in prop::collection::vec((1u64..7, 1u64..7), 1..9),
        batch_rows in 1usize..8,
    ) {
        let kinds = ["RT", "RE", "MT", "??"];
        let activity = lines(rows, |(a, b, t, kind)| format!("{a} {b} {} {}", T + t, kinds[kind]));
        let network = lines(edges, |(a, b)| format!("{a} {b} 1"));
        let set = Set::new().with(ACTIVITY, &activity).with(NETWORK, &network);
        interrupt_everywhere(&open("higgs", set.path(), None).unwrap(), batch_rows);
    }
}
