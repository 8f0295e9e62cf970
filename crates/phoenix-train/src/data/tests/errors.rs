//! Logs that teach nothing, and one that cannot be read.

use std::cell::RefCell;

use event_log::{EventSink, FaultyLog};

use super::*;
use crate::data::{DataError, Empty};

fn why(events: Vec<Event>, options: &DataOptions, profile: &Profile) -> Empty {
    match TrainingData::load(&log(events), profile, options, &|_, _| {}) {
        Err(DataError::Empty(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_step_that_left_nothing_is_named() {
    let live = Profile::live();
    let (shown, acted) = (shown(10, 1, &[1]), act(11, 1, 1, FAVORITE));
    let with = |more: &[&Event]| [posts(1), more.iter().map(|event| (*event).clone()).collect()].concat();
    let empty = TrainingData::load(&MemoryLog::default(), &live, &options(), &|_, _| {});
    assert!(matches!(empty, Err(DataError::Empty(Empty::Log))), "{empty:?}");
    let until = DataOptions { until: Some(TimeMs(-HOUR)), ..options() };
    let late = why(with(&[&shown, &acted]), &until, &live);
    assert_eq!(late, Empty::AfterUntil { events: 3, until: TimeMs(-HOUR) });
    assert_eq!(why(vec![shown.clone(), acted.clone()], &options(), &live), Empty::Posts { events: 2 });
    assert_eq!(why(with(&[&acted]), &options(), &live), Empty::Impressions { events: 2 });
    assert_eq!(why(with(&[&shown]), &options(), &live), Empty::Actions { events: 2 });
    assert_eq!(why(with(&[&shown]), &options(), &without_impressions()), Empty::Actions { events: 2 });
    let before = act(9, 1, 1, FAVORITE);
    assert_eq!(why(with(&[&before, &shown]), &options(), &live), Empty::Labels { impressions: 1 });
    let since = |at| DataOptions { since: Some(TimeMs(at)), ..options() };
    let nothing = Empty::Since { events: 3, since: TimeMs(11) };
    assert_eq!(why(with(&[&shown, &acted]), &since(11), &live), nothing);
    assert_eq!(
        why(with(&[&acted, &acted]), &since(12), &without_impressions()),
        Empty::Since { events: 3, since: TimeMs(12) }
    );
    let text = DataError::Empty(nothing).to_string();
    assert!(text.ends_with("at or after 1970-01-01T00:00:00.011Z"), "{text}");
    // What happens after that moment to what was shown before it is no label of what is learnt from.
    let again = self::shown(20, 2, &[1]);
    let unloved = why(with(&[&shown, &again, &acted, &act(30, 1, 1, REPLY)]), &since(20), &live);
    assert_eq!(unloved, Empty::LabelsSince { impressions: 1, since: TimeMs(20) });
    let text = DataError::Empty(late).to_string();
    assert_eq!(text, "nothing to learn from: all 3 events are at or after 1969-12-31T23:00:00Z");
}

#[test]
fn an_action_that_the_set_does_not_have_is_none() {
    let events = [posts(1), vec![shown(10, 1, &[1]), act(11, 1, 1, 60)]].concat();
    assert_eq!(why(events, &options(), &Profile::live()), Empty::Actions { events: 3 });
}

#[test]
fn an_option_out_of_its_range_is_named() {
    let key = |options: DataOptions| match options.check() {
        Err(DataError::Option { key, .. }) => key,
        other => panic!("{other:?}"),
    };
    options().check().unwrap();
    assert_eq!(key(DataOptions { history: 0, ..options() }), "history");
    assert_eq!(key(DataOptions { validation_share: f64::NAN, ..options() }), "validation_share");
    assert_eq!(key(DataOptions { max_candidates: 0, ..options() }), "max_candidates");
    assert_eq!(key(DataOptions { negatives: 0, ..options() }), "negatives");
    assert_eq!(key(DataOptions { assumed_impressions: f64::INFINITY, ..options() }), "assumed_impressions");
    assert_eq!(key(DataOptions { max_post_age_ms: Some(0), ..options() }), "max_post_age_ms");
    let between = |since, until| DataOptions { since: Some(TimeMs(since)), until: Some(TimeMs(until)), ..options() };
    between(4, 5).check().unwrap();
    assert_eq!(key(between(5, 5)), "since");
}

#[test]
fn a_log_that_cannot_be_read_says_where() {
    let broken = FaultyLog { log: log(posts(3)), breaks: true, ..FaultyLog::default() };
    broken.log.append(posts(1)).unwrap();
    let error = TrainingData::load(&broken, &Profile::live(), &options(), &|_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "reading the event log, after 3 of 4 events: segment: checksum");
}

#[test]
fn progress_ends_at_the_end() {
    let told = RefCell::new(Vec::new());
    let events = [posts(3), vec![shown(10, 1, &[1]), act(11, 1, 1, FAVORITE)]].concat();
    let progress = |read, total| told.borrow_mut().push((read, total));
    TrainingData::load(&log(events), &Profile::live(), &options(), &progress).unwrap();
    assert_eq!(told.into_inner().last(), Some(&(5, 5)));
}
