//! Negatives, where a set does not say what was shown.

use foryou_types::{PostId, Rng, SplitMix64, TimeMs};
use proptest::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::*;

#[test]
fn every_token_is_a_positive_and_its_negatives_weigh_what_is_assumed() {
    let mut events = posts(10);
    events.extend([
        act(1_000, 1, 1, FAVORITE),
        look(2_000, 1, 1, 4_000),
        act(3_000, 1, 2, FAVORITE),
        act(4_000, 1, 1, REPLY), // the same post again: a token of its own
        undo(5_000, 1, 1, REPLY),
    ]);
    let options = DataOptions { negatives: 4, assumed_impressions: 20.0, ..options() };
    let data = TrainingData::load(&log(events), &without_impressions(), &options, &|_, _| {}).unwrap();
    let slates: Vec<_> = data.train.iter().flat_map(|pass| pass.candidates.chunks(5)).collect();
    let positives: Vec<_> =
        slates.iter().map(|s| (s[0].item.post.0, s[0].labels.0, s[0].dwell_seconds, s[0].cutoff)).collect();
    assert_eq!(positives, [(1, 1, 4.0, 0), (2, 1, 0.0, 1), (1, 0, 0.0, 2)]);
    for slate in slates {
        assert_eq!(slate[0].weight, 1.0);
        assert!(slate[1..].iter().all(|c| c.weight == 5.0 && c.labels.is_empty() && c.dwell_seconds == 0.0));
        assert!(slate.iter().all(|c| c.slate == slate[0].slate));
    }
    assert_eq!((data.slates, data.impressions), (3, 3));
    assert_eq!(data.training_impressions.get(&PostId(1)), Some(&2));
    assert_eq!(data.train[0].candidates[0].training_impressions, 2);
}

#[test]
fn where_no_young_post_is_left_older_ones_are_drawn_and_then_fewer() {
    let mut events = posts(3); // an hour before the epoch
    events.push(post(10 * HOUR, 4, 104));
    events.extend([
        act(10 * HOUR + 1, 1, 4, FAVORITE), // the only young post: older ones are drawn
        act(10 * HOUR + 2, 1, 1, FAVORITE), // not 4, which was acted on
        act(10 * HOUR + 3, 1, 2, FAVORITE),
        act(10 * HOUR + 4, 1, 3, FAVORITE),
    ]);
    let options = DataOptions { negatives: 8, max_post_age_ms: Some(HOUR), ..options() };
    let data = TrainingData::load(&log(events), &without_impressions(), &options, &|_, _| {}).unwrap();
    let mut drawn: FxHashMap<u32, Vec<(u64, f32)>> = FxHashMap::default();
    for candidate in data.train.iter().flat_map(|pass| &pass.candidates) {
        drawn.entry(candidate.slate).or_default().push((candidate.item.post.0, candidate.weight));
    }
    let mut negatives: Vec<Vec<(u64, f32)>> = (0..4).map(|slate| drawn[&slate][1..].to_vec()).collect();
    for drawn in &mut negatives {
        drawn.sort_by_key(|(post, _)| *post);
    }
    let third = (20.0f64 / 3.0) as f32;
    assert_eq!(negatives[0], [(1, third), (2, third), (3, third)]);
    assert_eq!(negatives[1], [(2, 10.0), (3, 10.0)]);
    assert_eq!(negatives[2], [(3, 20.0)]);
    assert!(negatives[3].is_empty());
}

#[test]
fn draws_are_uniform() {
    // Person u acts on post 1 only; 4 of the 12 others are drawn each time.
    let mut events = posts(13);
    events.extend((1..=3_000).map(|user| act(user, user as u64, 1, FAVORITE)));
    for negatives in [2, 4] {
        // 2: by rejection, 4: from the list.
        let options = DataOptions { negatives, ..options() };
        let data = TrainingData::load(&log(events.clone()), &without_impressions(), &options, &|_, _| {}).unwrap();
        let mut counts = [0u32; 14];
        for candidate in data.train.iter().flat_map(|pass| &pass.candidates[1..]) {
            counts[candidate.item.post.0 as usize] += 1;
        }
        let expected = 3_000.0 * negatives as f64 / 12.0;
        for count in &counts[2..] {
            assert!((f64::from(*count) - expected).abs() < 6.0 * expected.sqrt(), "{counts:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn negatives_exist_are_young_enough_and_were_not_acted_on(seed: u64, negatives in 1usize..12) {
        let mut rng = SplitMix64::new(seed);
        let mut events = posts(1);
        let mut created: FxHashMap<u64, i64> = FxHashMap::from_iter([(1, -HOUR)]);
        let mut next = 2;
        for n in 0..200 {
            let at = n * 60 * SECOND;
            match rng.below(4) {
                0 => {
                    // Now and then a post that says it is from the future.
                    let at = if rng.chance(0.1) { at + HOUR } else { at };
                    events.push(post(at, next, 500));
                    created.insert(next, at);
                    next += 1;
                }
                1 if rng.chance(0.2) => events.push(delete(at, 1 + rng.below(next as usize) as u64)),
                _ => {
                    let (user, post) = (1 + rng.below(3) as u64, 1 + rng.below(next as usize) as u64);
                    events.push(act(at, user, post, FAVORITE));
                }
            }
        }
        let options = DataOptions { negatives, max_post_age_ms: Some(HOUR), seed, ..options() };
        let profile = without_impressions();
        let data = crate::data::slates_after(&log(events.clone()), &profile, &options, TimeMs(i64::MIN), &|_, _| {}).unwrap();
        for slate in &data {
            let acted: FxHashSet<PostId> = events.iter().filter(|event| event.at < slate.at).filter_map(|event| match &event.body {
                EventBody::Action(action) if action.user_id == slate.user => Some(action.post_id),
                _ => None,
            }).collect();
            let deleted: FxHashSet<PostId> = events.iter().filter(|event| event.at < slate.at).filter_map(|event| match &event.body {
                EventBody::Delete { post_id } => Some(*post_id),
                _ => None,
            }).collect();
            let drawn: Vec<PostId> = slate.candidates[1..].iter().map(|c| c.post).collect();
            let age = |post: &PostId| slate.at.0 - created[&post.0];
            let young = drawn.iter().filter(|post| age(post) <= HOUR).count();
            prop_assert!(drawn.len() <= negatives);
            prop_assert!(young == drawn.len() || young == 0, "young ones come first");
            prop_assert_eq!(drawn.iter().collect::<FxHashSet<_>>().len(), drawn.len());
            for post in &drawn {
                prop_assert!(age(post) >= 0, "a post of the future");
                prop_assert!(*post != slate.candidates[0].post && !acted.contains(post) && !deleted.contains(post));
            }
        }
        let again = crate::data::slates_after(&log(events), &profile, &options, TimeMs(i64::MIN), &|_, _| {}).unwrap();
        prop_assert_eq!(data, again);
    }
}
