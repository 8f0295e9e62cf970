//! Isolation, the future, padding.

use foryou_types::Rng;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

const TOLERANCE: f32 = 1e-5;

fn ids_width(config: &ModelConfig) -> usize {
    (config.num_item_hashes + config.num_author_hashes) * config.emb_size
}

/// The candidates at these places of the first user, in this order.
fn picked(config: &ModelConfig, all: &CandidateArrays, places: &[usize]) -> CandidateArrays {
    let (d, ids) = (config.emb_size, ids_width(config));
    let text = all.text.as_ref().unwrap();
    CandidateArrays {
        b: 1,
        c: places.len(),
        ids: places.iter().flat_map(|&i| all.ids[i * ids..][..ids].to_vec()).collect(),
        text: Some(places.iter().flat_map(|&i| text[i * d..][..d].to_vec()).collect()),
        surface: places.iter().map(|&i| all.surface[i]).collect(),
        age: places.iter().map(|&i| all.age[i]).collect(),
        cutoff: places.iter().map(|&i| all.cutoff[i]).collect(),
        valid: places.iter().map(|&i| all.valid[i]).collect(),
    }
}

/// Overwrites token `i` of user `user` with other values.
fn overwrite(config: &ModelConfig, history: &mut HistoryArrays, user: usize, i: usize, rng: &mut dyn Rng) {
    let (at, d, ids, a) = (user * history.s + i, config.emb_size, ids_width(config), config.num_actions);
    history.ids[at * ids..][..ids].copy_from_slice(&values(rng, ids));
    if let Some(text) = &mut history.text {
        text[at * d..][..d].copy_from_slice(&values(rng, d));
    }
    for action in &mut history.actions[at * a..][..a] {
        *action = 1.0 - *action;
    }
    history.surface[at] = (history.surface[at] + 1) % config.product_surface_vocab_size as u8;
    history.age[at] = (history.age[at] + 1) % 82;
    history.dwell[at] += 3.0;
}

fn variants() -> impl Strategy<Value = ModelConfig> {
    (any::<bool>(), any::<bool>(), prop_oneof![Just(Some(30.0)), Just(None), Just(Some(200.0))]).prop_map(
        |(bidirectional, blocks, cap)| ModelConfig {
            history_attention: if bidirectional { HistoryAttention::Bidirectional } else { HistoryAttention::Causal },
            attn_logit_cap: cap,
            text: blocks,
            post_age: blocks,
            dwell: blocks,
            ..tiny()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_candidate_alone_is_as_in_any_batch(config in variants(), seed: u64, n in 0usize..=6, swap in 0usize..5) {
        let mut rng = SplitMix64::new(seed);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let history = random_history(&config, &[n], 6, &mut rng);
        let cutoffs: Vec<u16> = (0..5).map(|i| (i % (n + 1)) as u16).collect();
        let all = random_candidates(&config, &[&cutoffs], &mut rng);
        let together = logits(&config, &dense, &history, &all);
        let mut order: Vec<usize> = (0..5).rev().collect();
        order.swap(0, swap);
        let permuted = logits(&config, &dense, &history, &picked(&config, &all, &order));
        let a = config.num_actions;
        for (place, &i) in order.iter().enumerate() {
            let alone = logits(&config, &dense, &history, &picked(&config, &all, &[i]));
            prop_assert!(furthest(&alone, &together[i * a..][..a]) <= TOLERANCE);
            prop_assert!(furthest(&permuted[place * a..][..a], &together[i * a..][..a]) <= TOLERANCE);
        }
    }

    #[test]
    fn the_future_does_not_move_a_candidate(seed: u64, cutoff in 0u16..6, blocks: bool) {
        let config = ModelConfig { text: blocks, post_age: blocks, dwell: blocks, ..tiny() };
        let mut rng = SplitMix64::new(seed);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let mut history = random_history(&config, &[6], 6, &mut rng);
        let all = random_candidates(&config, &[&[cutoff, 6]], &mut rng);
        let before = logits(&config, &dense, &history, &all);
        for i in usize::from(cutoff)..6 {
            overwrite(&config, &mut history, 0, i, &mut rng);
        }
        let after = logits(&config, &dense, &history, &all);
        let a = config.num_actions;
        prop_assert_eq!(&before[..a], &after[..a]);
        prop_assert!(furthest(&before[a..], &after[a..]) > 1e-4, "the second candidate sees what changed");
    }

    #[test]
    fn the_last_visible_token_moves_a_candidate(seed: u64, cutoff in 1u16..=6) {
        let config = tiny();
        let mut rng = SplitMix64::new(seed);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let mut history = random_history(&config, &[6], 6, &mut rng);
        let all = random_candidates(&config, &[&[cutoff]], &mut rng);
        let before = logits(&config, &dense, &history, &all);
        overwrite(&config, &mut history, 0, usize::from(cutoff) - 1, &mut rng);
        prop_assert!(furthest(&before, &logits(&config, &dense, &history, &all)) > 1e-5);
    }

    #[test]
    fn every_cut_off_at_once_is_as_one_by_one(seed: u64) {
        // A pass over a window of 6 tokens against a history that really ends at the cut-off.
        let config = tiny();
        let mut rng = SplitMix64::new(seed);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let history = random_history(&config, &[6], 6, &mut rng);
        let all = random_candidates(&config, &[&[0, 1, 2, 3, 4, 5, 6]], &mut rng);
        let at_once = logits(&config, &dense, &history, &all);
        let (a, d, ids) = (config.num_actions, config.emb_size, ids_width(&config));
        for n in 0..=6 {
            let short = HistoryArrays {
                s: n,
                ids: history.ids[..n * ids].to_vec(),
                text: history.text.as_ref().map(|text| text[..n * d].to_vec()),
                actions: history.actions[..n * a].to_vec(),
                surface: history.surface[..n].to_vec(),
                age: history.age[..n].to_vec(),
                dwell: history.dwell[..n].to_vec(),
                valid: vec![true; n],
                ..history.clone()
            };
            let alone = logits(&config, &dense, &short, &picked(&config, &all, &[n]));
            prop_assert!(furthest(&alone, &at_once[n * a..][..a]) <= TOLERANCE);
        }
    }

    #[test]
    fn padding_and_other_rows_change_nothing(config in variants(), seed: u64) {
        let mut rng = SplitMix64::new(seed);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let tower = random_dense(ModelKind::Retrieval, &config, &mut rng);
        let mut history = random_history(&config, &[4, 2, 0], 6, &mut rng);
        history.user_valid[2] = false;
        let mut all = random_candidates(&config, &[&[4, 1], &[2, 0], &[0, 0]], &mut rng);
        all.valid[3] = false;
        let before = logits(&config, &dense, &history, &all);
        let vectors = users(&config, &tower, &history);
        // Padding of the first user, everything of the others, and the padded candidate.
        for (user, i) in [(0, 4), (0, 5), (1, 0), (1, 3), (2, 0), (2, 5)] {
            overwrite(&config, &mut history, user, i, &mut rng);
        }
        let ids = ids_width(&config);
        all.ids[3 * ids..4 * ids].fill(0.5);
        let after = logits(&config, &dense, &history, &all);
        let a = config.num_actions;
        prop_assert!(furthest(&before[..2 * a], &after[..2 * a]) <= 1e-6);
        prop_assert!(furthest(&before[2 * a..3 * a], &after[2 * a..3 * a]) > 1e-6, "its own first token changed");
        let (d, again) = (config.emb_size, users(&config, &tower, &history));
        prop_assert!(furthest(&vectors[..d], &again[..d]) <= 1e-6);
        prop_assert_eq!(&again[2 * d..], &vec![0.0; d][..], "nobody is the zero vector");
        let length: f32 = again[..d].iter().map(|x| x * x).sum();
        prop_assert!((length - 1.0).abs() < 1e-5);
    }
}

#[test]
fn appending_a_token_does_not_move_earlier_candidates() {
    let config = tiny();
    let mut rng = SplitMix64::new(5);
    let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
    let mut history = random_history(&config, &[4], 6, &mut rng);
    let all = random_candidates(&config, &[&[0, 2, 4]], &mut rng);
    let before = logits(&config, &dense, &history, &all);
    history.valid[4] = true;
    assert_eq!(before, logits(&config, &dense, &history, &all));
}

#[test]
fn bidirectional_history_sees_what_comes_later_and_causal_does_not() {
    for (attention, sees) in [(HistoryAttention::Bidirectional, true), (HistoryAttention::Causal, false)] {
        let config = ModelConfig { history_attention: attention, ..tiny() };
        let mut rng = SplitMix64::new(6);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let mut history = random_history(&config, &[6], 6, &mut rng);
        let all = random_candidates(&config, &[&[3]], &mut rng);
        let before = logits(&config, &dense, &history, &all);
        overwrite(&config, &mut history, 0, 5, &mut rng);
        let moved = furthest(&before, &logits(&config, &dense, &history, &all));
        assert_eq!(moved > 1e-6, sees, "{attention:?}: {moved}");
    }
}

#[test]
fn positions_count_in_shared_form_and_are_places_in_sequential_form() {
    let mut rng = SplitMix64::new(7);
    let dense = random_dense(ModelKind::Ranker, &tiny(), &mut rng);
    let history = random_history(&tiny(), &[6], 6, &mut rng);
    let one = random_candidates(&tiny(), &[&[6]], &mut rng);
    let twice = picked(&tiny(), &one, &[0, 0]);
    for (positions, same) in [(Positions::Shared, true), (Positions::Sequential, false)] {
        let config = ModelConfig { positions, ..tiny() };
        let both = logits(&config, &dense, &history, &twice);
        let (first, second) = both.split_at(config.num_actions);
        assert_eq!(furthest(first, second) <= 1e-6, same, "{positions:?}");
    }
}

#[test]
fn an_empty_history_and_absent_text_work() {
    let config = tiny();
    let mut rng = SplitMix64::new(8);
    let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
    let history = random_history(&config, &[0], 0, &mut rng);
    let padded = HistoryArrays { user: history.user.clone(), ..random_history(&config, &[0], 3, &mut rng) };
    let mut all = random_candidates(&config, &[&[0, 0]], &mut rng);
    let short = logits(&config, &dense, &history, &all);
    assert!(furthest(&short, &logits(&config, &dense, &padded, &all)) <= TOLERANCE);
    all.text = None;
    let absent = logits(&config, &dense, &history, &all);
    all.text = Some(vec![0.0; 2 * config.emb_size]);
    assert_eq!(absent, logits(&config, &dense, &history, &all));
    assert!(furthest(&short, &absent) > 1e-5);
}

#[test]
fn a_cap_above_the_safe_range_is_the_same_function_as_no_cap_for_small_logits() {
    let mut rng = SplitMix64::new(9);
    let dense = random_dense(ModelKind::Ranker, &tiny(), &mut rng);
    let history = random_history(&tiny(), &[6], 6, &mut rng);
    let all = random_candidates(&tiny(), &[&[6, 3]], &mut rng);
    let of = |cap| logits(&ModelConfig { attn_logit_cap: cap, ..tiny() }, &dense, &history, &all);
    assert!(furthest(&of(None), &of(Some(1e4))) < 1e-4);
    assert!(furthest(&of(Some(60.0)), &of(Some(60.1))) < 1e-4);
}

#[test]
fn what_is_no_parameter_set_is_refused() {
    let config = tiny();
    let mut rng = SplitMix64::new(10);
    let mut dense = random_dense(ModelKind::Ranker, &config, &mut rng);
    let of = |dense: &[NamedTensor]| Network::new(ModelKind::Ranker, &config).unwrap().load(dense);
    dense[3].data.pop();
    let (name, expected) = (dense[3].name.clone(), dense[3].data.len() + 1);
    assert_eq!(of(&dense).err(), Some(DenseError::Size { name, found: expected - 1, expected }));
    let gone = dense.remove(3).name;
    assert_eq!(of(&dense).err(), Some(DenseError::Missing(gone)));
}
