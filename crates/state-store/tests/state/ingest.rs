use std::sync::Arc;

use event_log::{
    ActionEvent, EdgeKind, Event, EventBody, EventSink, EventSource, ImportLedger, ImportProgress, LabelEvent,
    LabelTarget, Origin, PostEvent, ProfileEvent, ServedEvent,
};
use foryou_types::{Clock, ClockKind, IdForm, IdForms, ManualClock, Namespace, PostId, Profile, TimeMs, UserId};
use state_store::{Ingestor, LogClock, Outcome, folder_clock};

use crate::support::{Folder, HOUR, act, delete, dwell, edge, event, follow, post, reading, shown, undo};

const NOW: i64 = 1_000 * HOUR;

fn ingestor(folder: &Folder) -> Ingestor {
    let clock = Arc::new(ManualClock::new(TimeMs(NOW)));
    Ingestor::new(folder.log.clone(), folder.state.clone(), Arc::new(folder.profile.clone()), clock)
}

fn live(event: Event) -> Event {
    Event { origin: Origin::Live, ..event }
}

fn reasons(outcome: &Outcome) -> Vec<(usize, &str)> {
    outcome.rejected.iter().map(|rejection| (rejection.index, rejection.reason.as_str())).collect()
}

#[test]
fn each_bad_event_is_named_and_the_good_ones_are_kept() {
    let folder = Folder::with(Profile::live(), vec![post(1, 5, 9), delete(2, 5)]);
    let self_reply = PostEvent { post_id: PostId(3), in_reply_to_post_id: PostId(3), ..PostEvent::default() };
    let label =
        |target, label: &str| event(1, EventBody::Label(LabelEvent { target, label: label.to_owned(), until: None }));
    let served = ServedEvent { user_id: UserId(1), ..ServedEvent::default() };
    let keyword = |keyword: &str| {
        event(1, EventBody::MuteKeyword { user_id: UserId(1), keyword: keyword.to_owned(), muted: true })
    };
    let cases = [
        (act(3, 1, 5, 0), "post 5 is deleted"),
        (act(3, 0, 1, 0), "user_id: must not be 0"),
        (act(3, 1, 0, 0), "post_id: must not be 0"),
        (act(3, 1, 1, 19), "action: 19 is not in this folder's set (0 to 18)"),
        (follow(3, 1, 1), "target_id: user 1 must not be the user_id"),
        (edge(3, EdgeKind::Block, 0, 1, true), "user_id: must not be 0"),
        (edge(3, EdgeKind::Mute, 1, 0, true), "target_id: must not be 0"),
        (shown(3, 1, &[]), "post_ids: must not be empty"),
        (shown(3, 1, &[4, 0]), "post_ids: must not be 0"),
        (shown(3, 0, &[4]), "user_id: must not be 0"),
        (event(3, EventBody::Served(served)), "posts: must not be empty"),
        (post(3, 0, 9), "post_id: must not be 0"),
        (event(3, EventBody::Post(Box::new(self_reply))), "in_reply_to_post_id: post 3 must not name itself"),
        (delete(3, 0), "post_id: must not be 0"),
        (label(LabelTarget::Post(PostId(0)), "spam"), "post_id: must not be 0"),
        (label(LabelTarget::User(UserId(0)), "spam"), "user_id: must not be 0"),
        (label(LabelTarget::User(UserId(1)), ""), "label: must not be empty"),
        (keyword("  "), "keyword: must not be empty"),
        (keyword("\u{200D}\u{AD}"), "keyword: must not be empty"),
        (keyword(&"x".repeat(501)), "keyword: has 501 characters, at most 500 are taken"),
        (event(3, EventBody::Name { namespace: Namespace::Users, id: 0, name: "x".to_owned() }), "id: must not be 0"),
        (
            live(act(NOW + HOUR * 23 / 10, 1, 1, 0)),
            "at: 1970-02-11T18:18:00Z is 2.3 h ahead of this folder's clock (1970-02-11T16:00:00Z)",
        ),
    ];
    let ingestor = ingestor(&folder);
    let before = folder.log.head().position.events();
    let mut events = vec![follow(3, 1, 2)];
    events.extend(cases.iter().map(|(event, _)| event.clone()));
    events.push(act(3, 1, 77, 0)); // on a post nobody heard of: fine
    let outcome = ingestor.submit(events).unwrap();
    let want: Vec<_> = (1..).zip(cases.iter().map(|(_, reason)| *reason)).collect();
    assert_eq!(reasons(&outcome), want);
    assert_eq!((outcome.accepted, outcome.duplicates), (2, Vec::new()));
    assert_eq!(outcome.position.events(), before + 2);
    // The very next read sees it.
    assert_eq!(folder.state.position(), outcome.position);
    assert!(folder.state.has_edge(EdgeKind::Follow, UserId(1), UserId(2)).unwrap());
    assert_eq!(folder.state.action_sequence(UserId(1)).unwrap().total, 1);
}

#[test]
fn times_ahead_of_the_clock_are_refused_from_senders_only() {
    let folder = Folder::new(Profile::live());
    let ingestor = ingestor(&folder);
    let ahead = post(NOW + HOUR + 1, 1, 9);
    let outcome = ingestor
        .submit(vec![
            live(ahead.clone()),
            live(post(NOW + HOUR, 2, 9)), // exactly one hour is taken
            ahead,
            Event { origin: Origin::Server, ..post(NOW + HOUR + 1, 3, 9) },
        ])
        .unwrap();
    assert_eq!(outcome.rejected.len(), 1);
    assert_eq!((outcome.rejected[0].index, outcome.accepted), (0, 3));
}

#[test]
fn a_delete_counts_for_the_rest_of_its_batch() {
    let folder = Folder::new(Profile::live());
    let ingestor = ingestor(&folder);
    let outcome =
        ingestor.submit(vec![post(1, 5, 9), act(2, 1, 5, 0), delete(3, 5), act(4, 2, 5, 0), post(5, 5, 9)]).unwrap();
    assert_eq!(reasons(&outcome), [(3, "post 5 is deleted"), (4, "post 5 is deleted and cannot be created again")]);
    assert_eq!(outcome.accepted, 3);
    assert!(folder.state.is_deleted(PostId(5)).unwrap());
}

#[test]
fn accepted_means_that_something_changed() {
    let folder = Folder::new(Profile::live());
    let ingestor = ingestor(&folder);
    let text = |at, text: &str| {
        let post = PostEvent { post_id: PostId(1), text: Some(text.to_owned()), ..PostEvent::default() };
        event(at, EventBody::Post(Box::new(post)))
    };
    let keyword = |at, keyword: &str, muted| {
        event(at, EventBody::MuteKeyword { user_id: UserId(1), keyword: keyword.to_owned(), muted })
    };
    let label = |at, until: Option<i64>| {
        let (target, until) = (LabelTarget::Post(PostId(1)), until.map(TimeMs));
        event(at, EventBody::Label(LabelEvent { target, label: "spam".to_owned(), until }))
    };
    let name = |at, screen_name: &str| {
        let screen_name = Some(screen_name.to_owned());
        event(at, EventBody::Profile(Box::new(ProfileEvent { user_id: UserId(1), screen_name, ..Default::default() })))
    };
    let favorite = |at| act(at, 6, 1, 0);
    // Each event, and whether it changes something (A), is known (D) or is refused (R).
    let steps = [
        (text(1, "one"), "A"),
        (text(2, "one"), "D"),
        (text(3, "two"), "R text: post 1 is known with another value, and posts cannot be changed"),
        (favorite(10), "A"),
        (favorite(11), "D"),
        (undo(20, 6, 1, 0), "A"),
        (undo(21, 6, 1, 0), "D"),
        (favorite(19), "D"), // late, and taken back since
        (undo(9, 7, 1, 0), "D"),
        (dwell(30, 6, 1, 18, 500), "A"),
        (dwell(31, 6, 1, 18, 500), "A"),
        (event(32, undone_dwell()), "R undo: dwell_time is attention and cannot be taken back"),
        (follow(10, 1, 2), "A"),
        (follow(11, 1, 2), "D"),
        (edge(12, EdgeKind::Follow, 1, 3, false), "D"),
        (edge(20, EdgeKind::Block, 1, 2, false), "D"),
        (edge(10, EdgeKind::Block, 1, 2, true), "D"), // late: unblocked since
        (edge(30, EdgeKind::Block, 1, 2, true), "A"),
        (keyword(10, "Election", true), "A"),
        (keyword(11, "ELECTION", true), "D"),
        (keyword(12, "election", false), "A"),
        (keyword(13, "Election", false), "D"),
        (label(10, None), "A"),
        (label(11, None), "D"),
        (label(12, Some(99)), "A"),
        (name(10, "ann"), "A"),
        (name(11, "ann"), "D"),
        (name(9, "old"), "D"),
        (delete(40, 1), "A"),
        (delete(41, 1), "D"),
        (text(42, "one"), "R post 1 is deleted and cannot be created again"),
        (favorite(43), "R post 1 is deleted"),
    ];
    let said = |outcome: &Outcome, index: usize| {
        if outcome.duplicates.contains(&index) {
            return "D".to_owned();
        }
        let rejection = outcome.rejected.iter().find(|rejection| rejection.index == index);
        rejection.map_or("A".to_owned(), |rejection| format!("R {}", rejection.reason))
    };
    for (n, (event, want)) in steps.iter().enumerate() {
        let outcome = ingestor.submit(vec![event.clone()]).unwrap();
        assert_eq!(said(&outcome, 0), *want, "step {n}: {event:?}");
        assert_eq!(outcome.accepted, usize::from(*want == "A"), "step {n}");
    }
    // The same in one batch.
    let folder = Folder::new(Profile::live());
    let events = steps.iter().map(|(event, _)| event.clone()).collect();
    let outcome = self::ingestor(&folder).submit(events).unwrap();
    for (n, (event, want)) in steps.iter().enumerate() {
        assert_eq!(said(&outcome, n), *want, "step {n}: {event:?}");
    }
    assert_eq!(outcome.accepted, steps.iter().filter(|(_, want)| *want == "A").count());
}

fn undone_dwell() -> EventBody {
    let action = ActionEvent {
        user_id: UserId(6),
        post_id: PostId(1),
        action: 18,
        dwell_ms: Some(500),
        undo: true,
        ..ActionEvent::default()
    };
    EventBody::Action(action)
}

#[test]
fn an_id_that_is_known_is_a_duplicate_whatever_became_of_its_post() {
    let folder = Folder::new(Profile::live());
    let ingestor = ingestor(&folder);
    let named = |id: &str, event: Event| Event { id: Some(id.to_owned()), ..event };
    let (like, create) = (named("like", act(2, 1, 5, 0)), named("create", post(1, 5, 9)));
    assert_eq!(ingestor.submit(vec![create.clone(), like.clone(), delete(3, 5)]).unwrap().accepted, 3);
    let again = ingestor.submit(vec![create.clone(), like.clone(), act(4, 2, 5, 0)]).unwrap();
    assert_eq!(
        (again.duplicates, reasons_of(&again.rejected)),
        (vec![0, 1], vec![(2, "post 5 is deleted".to_owned())])
    );
    // In one batch, too.
    let other = Folder::new(Profile::live());
    let outcome = self::ingestor(&other).submit(vec![create, like.clone(), delete(3, 5), like]).unwrap();
    assert_eq!((outcome.accepted, outcome.duplicates, outcome.rejected.len()), (3, vec![3], 0));
}

fn reasons_of(rejected: &[state_store::Rejection]) -> Vec<(usize, String)> {
    rejected.iter().map(|rejection| (rejection.index, rejection.reason.clone())).collect()
}

#[test]
fn what_the_log_cannot_store_is_refused_all_at_once() {
    let folder = Folder::new(Profile::live());
    let long = |event: Event| Event { id: Some("x".repeat(2_000)), ..event };
    let events =
        (0..2_000).map(|n| if n % 2 == 0 { long(follow(n, 1, 2)) } else { follow(n, 1, 2 + n as u64) }).collect();
    let outcome = ingestor(&folder).submit(events).unwrap();
    assert_eq!((outcome.accepted, outcome.rejected.len()), (1_000, 1_000));
    assert!(outcome.rejected.iter().all(|rejection| rejection.index % 2 == 0 && rejection.reason.starts_with("id:")));
}

#[test]
fn the_same_id_twice_is_one_event() {
    let folder = Folder::new(Profile::live());
    let ingestor = ingestor(&folder);
    let named = |id: &str, event: Event| Event { id: Some(id.to_owned()), ..event };
    let first =
        ingestor.submit(vec![named("a", follow(1, 1, 2)), named("a", follow(1, 1, 3)), follow(1, 1, 4)]).unwrap();
    assert_eq!((first.accepted, first.duplicates), (2, vec![1]));
    let again =
        ingestor.submit(vec![follow(1, 1, 1), named("a", follow(1, 1, 5)), named("b", follow(1, 1, 6))]).unwrap();
    assert_eq!((again.accepted, again.duplicates), (1, vec![1]));
    assert_eq!(again.rejected[0].index, 0);
    assert_eq!(crate::support::users(&folder.state.targets(EdgeKind::Follow, UserId(1)).unwrap()), [6, 4, 2]);
    let none = ingestor.submit(vec![named("a", follow(1, 1, 5))]).unwrap();
    assert_eq!((none.accepted, none.duplicates, none.position), (0, vec![0], again.position.clone()));
    assert_eq!(ingestor.submit(Vec::new()).unwrap().position, again.position);
    drop(ingestor);
    let whole = crate::support::dump(&folder.state);
    assert_eq!(crate::support::dump(&folder.reopen().state), whole);
}

#[test]
fn events_that_others_appended_are_seen_first() {
    let folder = Folder::new(Profile::live());
    folder.log.append(vec![post(1, 5, 9), delete(2, 5)]).unwrap(); // by someone else, not applied yet
    let outcome = ingestor(&folder).submit(vec![act(3, 1, 5, 0), act(3, 1, 6, 0)]).unwrap();
    assert_eq!(reasons(&outcome), [(0, "post 5 is deleted")]);
    assert_eq!(folder.state.position(), folder.log.head().position);
}

#[test]
fn ids_are_printed_as_the_folder_prints_them() {
    let signed = Profile { ids: IdForms { users: IdForm::Signed, posts: IdForm::Dictionary }, ..Profile::live() };
    let name = EventBody::Name { namespace: Namespace::Posts, id: 5, name: "five".to_owned() };
    let progress = ImportProgress { kind: "k".to_owned(), role: "r".to_owned(), first_row: 0, row_hashes: vec![1, 2] };
    let folder = Folder::new(signed);
    let outcome = ingestor(&folder)
        .submit(vec![
            event(0, name),
            delete(1, 5),
            act(2, 1, 5, 0),
            follow(3, u64::MAX, u64::MAX),
            event(0, EventBody::ImportProgress(progress)),
        ])
        .unwrap();
    assert_eq!(reasons(&outcome), [(2, "post five is deleted"), (3, "target_id: user -1 must not be the user_id")]);
    assert_eq!(outcome.accepted, 3);
    assert_eq!(folder.log.import_progress("k", "r").unwrap(), [1, 2]);
}

#[test]
fn many_senders_at_once_lose_nothing() {
    let folder = Folder::new(Profile::live());
    let ingestor = ingestor(&folder);
    std::thread::scope(|scope| {
        for user in 1..=4 {
            let ingestor = &ingestor;
            scope.spawn(move || {
                for n in 0..50 {
                    assert_eq!(ingestor.submit(vec![act(n, user, 1 + n as u64, 0)]).unwrap().accepted, 1);
                }
            });
        }
    });
    assert_eq!(folder.state.position(), folder.log.head().position);
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap()[0], 4);
}

#[test]
fn a_live_event_refused_on_a_log_s_clock_names_the_setting_that_takes_it() {
    let folder = Folder::new(Profile::live());
    let (profile, clock) = (Profile { clock: ClockKind::Log, ..folder.profile.clone() }, ManualClock::new(TimeMs(NOW)));
    let ingestor = Ingestor::new(folder.log.clone(), folder.state.clone(), Arc::new(profile), Arc::new(clock));
    let outcome = ingestor.submit(vec![live(act(NOW + 3 * HOUR, 1, 1, 0))]).unwrap();
    let refused = reasons(&outcome);
    assert!(refused.len() == 1 && refused[0].1.contains("`foryou up --clock wall`"), "{refused:?}");
}

#[test]
fn a_log_clock_stands_at_the_newest_imported_event() {
    let folder = Folder::new(reading());
    let wall = Arc::new(ManualClock::new(TimeMs(77)));
    let clock = LogClock::new(folder.log.clone(), wall);
    assert_eq!(clock.now(), TimeMs(77)); // nothing imported yet
    folder.put(vec![post(500, 1, 9), live(post(900, 2, 9)), post(400, 3, 9)]);
    assert_eq!(clock.now(), TimeMs(500));
    folder.put(vec![post(50 * HOUR, 4, 9)]);
    assert_eq!(clock.now(), TimeMs(500), "one event ahead of all others does not move it");
    assert_eq!(folder_clock(&folder.profile, folder.log.clone()).now(), TimeMs(500));
    let wall = folder_clock(&Profile::live(), folder.log.clone()).now();
    assert!(wall > TimeMs(1_700_000_000_000));
}

#[test]
fn a_live_time_ahead_of_the_clock_by_an_hour_is_now() {
    let folder = Folder::with(Profile::live(), vec![]);
    let outcome = ingestor(&folder)
        .submit(vec![live(post(NOW + HOUR, 1, 9)), live(post(NOW + 1, 2, 9)), live(post(NOW - 5, 3, 9))])
        .unwrap();
    assert_eq!(outcome.accepted, 3);
    let times = [1, 2, 3].map(|id| folder.state.post(PostId(id)).unwrap().unwrap().created_at.0);
    assert_eq!(times, [NOW, NOW, NOW - 5]);
}

#[test]
fn an_import_refuses_what_is_far_ahead_of_all_others() {
    const DAY: i64 = 24 * HOUR;
    let folder = Folder::with(Profile::live(), vec![]);
    let batch = |days: &[i64]| {
        days.iter().zip(1..).map(|(day, id)| post(day * DAY, 1_000 * day.unsigned_abs() + id, 9)).collect::<Vec<_>>()
    };
    let outcome = ingestor(&folder).submit(batch(&[20_000, 0, 1, 2])).unwrap();
    assert_eq!(outcome.accepted, 3);
    assert_eq!(
        reasons(&outcome),
        [(
            0,
            "at: 2024-10-04T00:00:00Z is 19998 days after the newest event before it (1970-01-03T00:00:00Z): if the time is right, \
             import with --allow-gaps"
        )]
    );
    let outcome = ingestor(&folder).submit(batch(&[40, 30, 32])).unwrap();
    assert_eq!(outcome.accepted, 3, "in the order of time there is no long gap");
    let outcome = ingestor(&folder).submit(batch(&[80])).unwrap();
    assert_eq!(outcome.rejected.len(), 1, "what is in the log already counts");
    let taken = ingestor(&folder).with_max_gap_days(0).submit(batch(&[80])).unwrap();
    assert_eq!(taken.accepted, 1);
    assert_eq!(folder.log.head().imported.now(), Some(TimeMs(40 * DAY)), "and alone it does not move the clock");
}
