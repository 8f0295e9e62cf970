//! Learning from a part of a log only.

use phoenix::HistoryItem;
use proptest::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::agreement::random_events;
use super::*;
use crate::data::replay::Replay;
use crate::data::{EvalSlate, slates_after};

/// All slates of a log, whenever they were shown.
fn all_slates(events: &[Event], profile: &Profile, options: &DataOptions) -> Vec<EvalSlate> {
    slates_after(&log(events.to_vec()), profile, options, TimeMs(i64::MIN), &|_, _| {}).unwrap()
}

/// A candidate: its viewer, what of the history it sees, itself.
type Shown<'a> = (UserId, &'a [HistoryItem], &'a Candidate);

/// The candidates of data by slate and place.
fn by_slate(data: &TrainingData) -> FxHashMap<u32, Vec<Shown<'_>>> {
    let mut slates: FxHashMap<u32, Vec<_>> = FxHashMap::default();
    for pass in data.train.iter().chain(&data.validation) {
        for candidate in &pass.candidates {
            let seen = &pass.history[..usize::from(candidate.cutoff)];
            slates.entry(candidate.slate).or_default().push((pass.user, seen, candidate));
        }
    }
    slates
}

/// Whether data holds exactly the slates expected, in order, comparing of each as many candidates as are listed.
fn assert_slates(data: &TrainingData, expected: &[&EvalSlate], candidates: usize) {
    let found = by_slate(data);
    assert_eq!((found.len(), data.slates), (expected.len(), expected.len() as u64));
    for (number, slate) in (0..).zip(expected) {
        for (place, (user, seen, candidate)) in found[&number].iter().take(candidates).enumerate() {
            assert_eq!((*user, *seen), (slate.user, &slate.history[..]));
            assert_eq!((&candidate.item, candidate.labels), (&slate.candidates[place], slate.labels[place]));
            assert_eq!(candidate.dwell_seconds, slate.dwell_seconds[place]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_slates_learnt_from_are_those_of_the_whole_log(seed: u64, part in 0.0..1.0f64) {
        let mut events = random_events(seed, 150);
        events.sort_by_key(|event| event.at);
        let since = events[(events.len() as f64 * part) as usize].at;
        let end = events.last().map_or(0, |event| event.at.0) + HOUR;
        events.extend([shown(end, 1, &[1]), look(end + 1, 1, 1, 500)]);
        let options = DataOptions { validation_share: 0.2, ..options() };
        for (profile, compared) in [(Profile::live(), usize::MAX), (without_impressions(), 1)] {
            let slates = all_slates(&events, &profile, &options);
            let whole = TrainingData::load(&log(events.clone()), &profile, &options, &|_, _| {}).unwrap();
            let options = DataOptions { since: Some(since), ..options.clone() };
            let data = TrainingData::load(&log(events.clone()), &profile, &options, &|_, _| {}).unwrap();
            let expected: Vec<&EvalSlate> = slates.iter().filter(|slate| slate.at >= since).collect();
            assert_slates(&data, &expected, compared);
            prop_assert_eq!((data.ids, data.users, data.posts), (whole.ids, whole.users, whole.posts));
            prop_assert_eq!((&data.alive_posts, data.trained_until), (&whole.alive_posts, whole.trained_until));
        }
    }

    #[test]
    fn sampled_negatives_were_not_acted_on_before_either(seed: u64, part in 0.0..1.0f64) {
        let mut events = random_events(seed, 150);
        events.sort_by_key(|event| event.at);
        let since = events[(events.len() as f64 * part) as usize].at;
        let end = events.last().map_or(0, |event| event.at.0) + HOUR;
        events.push(look(end, 1, 1, 500));
        let options = DataOptions { since: Some(since), negatives: 3, ..options() };
        let data = TrainingData::load(&log(events.clone()), &without_impressions(), &options, &|_, _| {}).unwrap();
        let slates = all_slates(&events, &without_impressions(), &options);
        let times: Vec<TimeMs> = slates.iter().map(|slate| slate.at).filter(|at| *at >= since).collect();
        for (number, candidates) in by_slate(&data) {
            let (user, ..) = candidates[0];
            let acted: FxHashSet<PostId> = events.iter().filter(|e| e.at < times[number as usize]).filter_map(|e| match &e.body {
                EventBody::Action(a) if a.user_id == user && a.action < 19 && !a.undo => Some(a.post_id),
                _ => None,
            }).collect();
            // What was taken back was not acted on.
            let undone: FxHashSet<PostId> = events.iter().filter_map(|e| match &e.body {
                EventBody::Action(a) if a.user_id == user && a.undo => Some(a.post_id),
                _ => None,
            }).collect();
            let drawn = || candidates[1..].iter().map(|(_, _, c)| c.item.post);
            prop_assert!(drawn().all(|post| !acted.contains(&post) || undone.contains(&post)));
        }
    }
}

#[test]
fn labels_go_to_what_was_shown_since_and_to_nothing_before() {
    let mut events = posts(4);
    events.extend([
        shown(10, 1, &[1, 2]),
        act(11, 1, 1, FAVORITE),
        shown(20, 1, &[2, 3]),
        act(21, 1, 1, REPLY), // of the slate before
        act(22, 1, 2, REPLY), // of both: the later one has it
        look(23, 1, 1, 5_000),
        undo(24, 1, 1, FAVORITE),
        shown(20, 2, &[4]),
    ]);
    let data = load(events, &DataOptions { since: Some(TimeMs(20)), ..options() });
    assert_eq!(labels(&data.train), [(2, 0b10), (3, 0), (4, 0)]);
    assert_eq!((data.slates, data.impressions, data.positives_per_head[1]), (2, 3, 1));
    assert_eq!((data.positives_per_head[0], data.positives_per_head[18]), (0, 0));
    // The action before it is in the history all the same, and the posts shown before count as ids.
    assert_eq!(seen(&data.train[0], &data.train[0].candidates[0]), [(1, 1)]);
    assert_eq!((data.users, data.ids.posts), (2, 4));
    assert_eq!(data.training_impressions.get(&PostId(1)), None);
    assert_eq!(data.post_frequency.iter().collect::<Vec<_>>(), [(&PostId(2), &1)]);
}

#[test]
fn a_token_that_started_before_is_no_example_whatever_joins_it() {
    let mut events = posts(9);
    events.extend([
        act(10 * SECOND, 1, 1, FAVORITE),
        act(20 * SECOND, 1, 1, REPLY), // joins the token that started before
        act(30 * SECOND, 1, 2, FAVORITE),
    ]);
    let options = DataOptions { since: Some(TimeMs(20 * SECOND)), ..options() };
    let data = TrainingData::load(&log(events), &without_impressions(), &options, &|_, _| {}).unwrap();
    let [pass] = data.train.as_slice() else { panic!("{:?}", data.train) };
    assert_eq!((pass.candidates[0].item.post, pass.candidates[0].labels.0), (PostId(2), 1));
    assert_eq!(seen(pass, &pass.candidates[0]), [(1, 0b11)]);
    assert_eq!((data.slates, data.positives_per_head[1]), (1, 0));
}

#[test]
fn nothing_is_kept_of_the_slates_before() {
    let mut events = posts(40);
    for n in 0..200 {
        events.push(shown(n * SECOND, 1 + n as u64 % 7, &[1 + n as u64 % 40, 3]));
        events.push(act(n * SECOND + 1, 1 + n as u64 % 7, 1 + n as u64 % 40, FAVORITE));
    }
    for profile in [Profile::live(), without_impressions()] {
        let mut replay = Replay::new(&profile, &options(), TimeMs(200 * SECOND));
        for event in &events {
            replay.event(event, &mut |_| panic!("a slate"));
        }
        assert_eq!(replay.labels.kept(), [0, 0]);
        replay.event(&shown(300 * SECOND, 1, &[1, 2]), &mut |_| {});
        replay.event(&act(300 * SECOND, 1, 2, REPLY), &mut |_| {});
        let kept = replay.labels.kept();
        assert!(kept == [2, 2] || kept == [9, 0], "{kept:?}");
    }
}

#[test]
fn a_log_that_has_grown_teaches_by_its_first_events_what_it_taught_before() {
    let events = random_events(3, 400);
    for count in [events.len() - 100, events.len() - 1] {
        let before = load(events[..count].to_vec(), &options());
        let first = load(events.clone(), &DataOptions { events: Some(count as u64), ..options() });
        assert!(!before.train.is_empty());
        assert_eq!((&first.train, &first.validation), (&before.train, &before.validation));
        assert_eq!((first.trained_until, first.posts, first.users), (before.trained_until, before.posts, before.users));
        let whole = load(events.clone(), &DataOptions { events: Some(u64::MAX), ..options() });
        assert_eq!(whole.train, load(events.clone(), &options()).train);
    }
}
