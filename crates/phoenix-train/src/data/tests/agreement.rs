//! Training and serving agree: on tokens, on windows, on what a slate sees.

use std::collections::BTreeMap;
use std::sync::Arc;

use datasets::world::{World, WorldConfig};
use foryou_types::{ActionMask, ActionToken, Rng, SplitMix64, UserActionSequence};
use phoenix::{Corpus, HistoryItem, history_item};
use proptest::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use state_store::StateStore;

use super::*;
use crate::data::replay::Replay;
use crate::data::slates_after;
use phoenix::post_info;

/// A log of a few people on a few posts: nearly in order of time, with moments shared, late events, taking back and deletes.
pub(super) fn random_events(seed: u64, count: usize) -> Vec<Event> {
    let mut rng = SplitMix64::new(seed);
    let mut events = posts(4);
    let mut now = 0;
    for _ in 0..count {
        now += [0, 1, 1_000, 20_000, 290_000, 400_000][rng.below(6)];
        let at = if rng.chance(0.1) { now - rng.below(600_000) as i64 } else { now };
        let (user, id) = (1 + rng.below(2) as u64, 1 + rng.below(6) as u64);
        events.push(match rng.below(12) {
            0 => post(at, id, 100 + id),
            1 if rng.chance(0.1) => delete(at, id),
            1 | 2 => undo(at, user, id, [FAVORITE, REPLY][rng.below(2)]),
            3 | 4 => look(at, user, id, rng.below(20_000) as u32),
            5..=8 => act(at, user, id, [FAVORITE, REPLY, REPORT, 60][rng.below(4)]),
            _ => shown(at, user, &[id, 1 + rng.below(6) as u64]),
        });
    }
    events
}

/// The tokens of a person after some events, as far as they are before a moment, by the rule as it is written down.
fn tokens(events: &[Event], user: UserId, before: TimeMs) -> Vec<ActionToken> {
    let mut authors: FxHashMap<PostId, UserId> = FxHashMap::default();
    // Per post and action, what happened to it; and the acts by time, post and action.
    let mut told: BTreeMap<(PostId, u8), Vec<(TimeMs, &ActionEvent)>> = BTreeMap::new();
    let mut acts: BTreeMap<(TimeMs, PostId, u8), (bool, u32)> = BTreeMap::new();
    for event in events {
        match &event.body {
            EventBody::Post(post) => {
                authors.entry(post.post_id).or_insert(post.author_id);
            }
            EventBody::Action(action) if action.user_id == user && action.action < 19 => {
                told.entry((action.post_id, action.action)).or_default().push((event.at, action));
            }
            _ => {}
        }
    }
    for ((post, index), mut told) in told {
        told.sort_by_key(|(at, _)| *at);
        let since = told.iter().rposition(|(_, action)| action.undo).map_or(0, |last| last + 1);
        if let Some((at, _)) = told.get(since).filter(|_| index != DWELL_TIME) {
            acts.entry((*at, post, index)).or_default().0 = true;
        }
        for (at, action) in told.iter().filter(|(_, action)| action.dwell_ms.is_some() && !action.undo) {
            acts.entry((*at, post, index)).or_default().1 += action.dwell_ms.unwrap();
        }
    }
    let mut tokens: Vec<ActionToken> = Vec::new();
    for ((at, post_id, index), (counts, dwell_ms)) in acts.into_iter().filter(|((at, ..), _)| *at < before) {
        let actions = if counts { ActionMask::of(index) } else { ActionMask::default() };
        match tokens.last_mut().filter(|token| token.post_id == post_id && at.0 - token.at.0 <= 300_000) {
            Some(token) => {
                token.at = at;
                token.dwell_ms += dwell_ms;
                token.actions.0 |= actions.0;
            }
            None => tokens.push(ActionToken {
                post_id,
                author_id: authors.get(&post_id).copied().unwrap_or_default(),
                actions,
                dwell_ms,
                surface: Surface::Unknown,
                at,
            }),
        }
    }
    tokens
}

/// What serving shows the model at a slate, from scratch.
fn window(events: &[Event], user: UserId, at: TimeMs, s: usize) -> Vec<HistoryItem> {
    let corpus = Corpus::new();
    let mut gone = Vec::new();
    for event in events {
        match &event.body {
            EventBody::Post(post) if corpus.get(post.post_id).is_none() && !gone.contains(&post.post_id) => {
                corpus.insert(post.post_id, post_info(event.at, post));
            }
            EventBody::Delete { post_id } => {
                gone.push(*post_id);
                corpus.remove(*post_id);
            }
            _ => {}
        }
    }
    let mut visible = tokens(events, user, at);
    let total = visible.len() as u64;
    let kept = visible.split_off(visible.len().saturating_sub(1_024));
    let window = UserActionSequence { total, tokens: kept }.windowed(s);
    window.iter().map(|token| history_item(token, &corpus)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_candidate_of_every_pass_sees_what_serving_would_show(seed: u64, s in 1usize..12, most in 1usize..9) {
        let mut events = random_events(seed, 150);
        let end = events.last().map_or(0, |event| event.at.0) + HOUR;
        events.extend([shown(end, 1, &[1]), look(end + 1, 1, 1, 500)]);
        let options = DataOptions { history: s, max_candidates: most, validation_share: 0.3, ..options() };
        let data = load(events.clone(), &options);

        let slates: Vec<(usize, &Event, &ImpressionEvent)> = events.iter().enumerate().filter_map(|(i, event)| match &event.body {
            EventBody::Impression(impression) => Some((i, event, impression)),
            _ => None,
        }).collect();
        let judged = slates_after(&log(events.clone()), &Profile::live(), &options, TimeMs(i64::MIN), &|_, _| {}).unwrap();
        prop_assert_eq!(judged.len(), slates.len());
        let mut candidates = 0;
        for pass in data.train.iter().chain(&data.validation) {
            prop_assert!(pass.candidates.len() <= most);
            prop_assert!(pass.candidates.is_sorted_by_key(|c| (c.slate, c.cutoff)));
            let last = pass.candidates.last().unwrap();
            prop_assert_eq!(usize::from(last.cutoff), pass.history.len());
            for candidate in &pass.candidates {
                let (place, event, impression) = slates[candidate.slate as usize];
                prop_assert_eq!(impression.user_id, pass.user);
                let seen = &pass.history[..usize::from(candidate.cutoff)];
                prop_assert_eq!(seen, &window(&events[..place], pass.user, event.at, s)[..]);
                let judged = &judged[candidate.slate as usize];
                prop_assert_eq!(seen, &judged.history[..]);
                let at = judged.candidates.iter().position(|c| *c == candidate.item).unwrap();
                prop_assert_eq!(judged.labels[at], candidate.labels);
                prop_assert_eq!(judged.dwell_seconds[at], candidate.dwell_seconds);
                let held_back = data.validation_from.is_some_and(|from| event.at >= from);
                prop_assert_eq!(held_back, data.validation.iter().any(|p| std::ptr::eq(p, pass)));
                candidates += 1;
            }
        }
        prop_assert_eq!(candidates, judged.iter().map(|slate| slate.candidates.len()).sum::<usize>());
    }

    #[test]
    fn nothing_at_or_after_a_slate_changes_what_it_sees(seed: u64, other: u64) {
        // In order of time, so that what comes after a slate in time comes after it in the log.
        let ordered = |seed| {
            let mut events = random_events(seed, 120);
            events.sort_by_key(|event| event.at);
            events
        };
        let events = ordered(seed);
        let cut = events[events.len() * 2 / 3].at;
        let from = events.partition_point(|event| event.at < cut);
        let slate = shown(cut.0, 1, &[1, 2, 3]);
        let with_future = |future: &[Event]| {
            let events = [&events[..from], std::slice::from_ref(&slate), future].concat();
            let mut slates = slates_after(&log(events), &Profile::live(), &options(), cut, &|_, _| {}).unwrap();
            slates.swap_remove(0)
        };
        let mut future = ordered(other);
        for event in &mut future {
            event.at = TimeMs(event.at.0 + HOUR + cut.0);
        }
        let (one, two) = (with_future(&events[from..]), with_future(&future));
        prop_assert_eq!(one.history, two.history);
        prop_assert_eq!(one.candidates, two.candidates);
    }
}

fn assert_state_agrees(events: Vec<Event>, profile: &Profile, users: impl Iterator<Item = u64>) -> usize {
    let mut replay = Replay::new(profile, &DataOptions::default(), TimeMs(i64::MIN));
    for event in &events {
        replay.event(event, &mut |_| {});
    }
    let folder = tempfile::tempdir().unwrap();
    let state = StateStore::open(folder.path(), Arc::new(log(events)), profile).unwrap();
    let mut tokens = 0;
    for user in users.map(UserId) {
        let state = state.action_sequence(user).unwrap();
        assert_eq!(replay.tokens(user, TimeMs(i64::MAX)), *state, "{user:?}");
        tokens += state.tokens.len();
    }
    tokens
}

#[test]
fn the_state_store_has_the_tokens_of_the_replay() {
    for seed in 0..8 {
        assert_state_agrees(random_events(seed, 400), &Profile::live(), 1..=2);
    }
    // More tokens than the state keeps.
    let many = (0..1_500).map(|n| act(n * SECOND, 1, n as u64 + 1, FAVORITE)).collect();
    assert_eq!(assert_state_agrees(many, &Profile::live(), 1..=1), UserActionSequence::KEPT);
}

#[test]
fn a_small_world_teaches() {
    let world = World::generate(&WorldConfig::scaled(60)).unwrap();
    let tokens = assert_state_agrees(world.events.clone(), &world.profile, 1..=60);
    assert!(tokens > 500, "{tokens}");

    let options = DataOptions { until: Some(world.cut()), ..DataOptions::default() };
    let log = log(world.events.clone());
    let data = TrainingData::load(&log, &world.profile, &options, &|_, _| {}).unwrap();
    let before = world.events.iter().filter(|event| event.at < world.cut());
    let shown: usize = before
        .map(|event| match &event.body {
            EventBody::Impression(impression) => impression.post_ids.len(),
            _ => 0,
        })
        .sum();
    let candidates = |passes: &[Pass]| passes.iter().map(|pass| pass.candidates.len()).sum::<usize>();
    assert_eq!(candidates(&data.train) + candidates(&data.validation), shown);
    assert_eq!(data.impressions, candidates(&data.train) as u64);
    let held_back = candidates(&data.validation) as f64 / shown as f64;
    assert!((0.05..0.2).contains(&held_back), "{held_back}");
    assert!(data.train.len() < data.slates as usize, "slates share passes");
    assert!(data.positives_per_head[0] > 50 && data.positives_per_head[18] > 500, "{:?}", data.positives_per_head);
    assert!(data.ids.users <= 60 && data.ids.words > 100 && data.ids.authors <= 12, "{:?}", data.ids);
    assert!(data.alive_posts.is_sorted_by_key(|(_, created_at)| *created_at) && !data.post_frequency.is_empty());

    // The held-out slates: what happened to them is what the world says, less what was taken back.
    let taken_back: FxHashSet<(UserId, PostId, u8)> = (world.events.iter())
        .filter_map(|event| match &event.body {
            EventBody::Action(action) if action.undo => Some((action.user_id, action.post_id, action.action)),
            _ => None,
        })
        .collect();
    let judged = slates_after(&log, &world.profile, &options, world.cut(), &|_, _| {}).unwrap();
    let by_request: FxHashMap<_, _> =
        judged.iter().filter_map(|slate| Some((slate.request_id.as_deref()?, slate))).collect();
    assert!(!world.slates.is_empty());
    for slate in &world.slates {
        let found = by_request[slate.request_id.as_str()];
        assert_eq!((found.user, found.at, found.surface), (slate.viewer, slate.at, slate.surface));
        for (post, (item, labels)) in slate.posts.iter().zip(found.candidates.iter().zip(&found.labels)) {
            let mut taken = post.taken;
            for action in post.taken.iter().filter(|a| taken_back.contains(&(slate.viewer, post.post_id, *a))) {
                taken.remove(action);
            }
            assert_eq!((item.post, item.author, *labels), (post.post_id, post.author_id, taken));
        }
    }
}
