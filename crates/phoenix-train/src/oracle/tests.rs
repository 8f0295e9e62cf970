//! The models' outputs and the gradients of every parameter and every looked-up row, against those of Burn.

use burn_tensor::{Tensor, TensorData};
use foryou_types::{Rng, SplitMix64};
use model_registry::NamedTensor;
use phoenix::{HistoryAttention, ModelConfig, ModelKind, Positions};

use super::*;
use crate::model::testing::{random_candidates, random_dense, random_history, tiny, values};
use crate::model::{CandidateArrays, HistoryArrays, LeafGradients, Moment, Network};

/// Largest difference of a tensor, as a share of its largest value.
const TOLERANCE: f32 = 1e-4;

/// Small models of every form.
fn forms() -> Vec<ModelConfig> {
    let base = tiny();
    vec![
        base.clone(),
        ModelConfig { text: false, post_age: false, dwell: false, ..base.clone() },
        ModelConfig { attn_logit_cap: None, ..base.clone() },
        ModelConfig { attn_logit_cap: Some(200.0), attn_output_multiplier: Some(0.7), ..base.clone() },
        ModelConfig { history_attention: HistoryAttention::Bidirectional, ..base.clone() },
        ModelConfig { positions: Positions::Sequential, ..base.clone() },
        // Wider than a panel, and not a multiple of one; one head per group.
        ModelConfig {
            emb_size: 40,
            key_size: 34,
            num_q_heads: 2,
            num_kv_heads: 2,
            widening_factor: 3.0,
            ..base.clone()
        },
        ModelConfig { num_layers: 1, num_actions: 19, ..base },
    ]
}

fn parameters(kind: ModelKind, config: &ModelConfig, dense: &[NamedTensor]) -> DenseParams {
    DenseParams::from_values(kind, config, dense, &device().autodiff(), true).unwrap()
}

fn read<const R: usize>(tensor: Tensor<R>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

fn constant<const R: usize>(values: &[f32], shape: [usize; R]) -> Tensor<R> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &device().autodiff())
}

/// `least` is what counts as nothing: a gradient that is 0 in theory differs by rounding only.
fn same(what: &str, ours: &[f32], theirs: &[f32], least: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(least, |most, x| most.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= TOLERANCE * largest, "{what}[{i}]: {a} against {b}, the largest is {largest}");
    }
}

fn same_gradients(dense: &[NamedTensor], ours: &[Vec<f32>], theirs: &[Vec<f32>]) {
    let least = theirs.iter().flatten().fold(0.0f32, |most, x| most.max(x.abs())) * 1e-2;
    assert!(least > 0.0);
    for (tensor, (ours, theirs)) in dense.iter().zip(ours.iter().zip(theirs)) {
        same(&tensor.name, ours, theirs, least);
    }
}

fn same_leaves(ours: &LeafGradients, theirs: &LeafGradients) {
    let pairs = [
        ("user rows", &ours.user, &theirs.user),
        ("history rows", &ours.history_ids, &theirs.history_ids),
        ("history words", &ours.history_text, &theirs.history_text),
        ("candidate rows", &ours.candidate_ids, &theirs.candidate_ids),
        ("candidate words", &ours.candidate_text, &theirs.candidate_text),
    ];
    for (what, ours, theirs) in pairs {
        same(what, ours, theirs, 1e-3);
    }
}

/// Users with whole, partial and no history, an unknown user, a masked token in the middle, and padded candidates.
fn batch(config: &ModelConfig, rng: &mut dyn Rng) -> (HistoryArrays, CandidateArrays) {
    let mut history = random_history(config, &[6, 3, 0, 5], 6, rng);
    history.user_valid[1] = false;
    history.valid[2] = false;
    let cutoffs: [&[u16]; 4] = [&[6, 2, 0], &[3, 1, 3], &[0, 0, 0], &[5, 9, 4]];
    let mut candidates = random_candidates(config, &cutoffs, rng);
    candidates.valid[5] = false;
    candidates.valid[7..9].fill(false);
    (history, candidates)
}

#[test]
fn the_ranker_and_its_gradients_are_those_of_burn() {
    for (seed, config) in (20..).zip(forms()) {
        let mut rng = SplitMix64::new(seed);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let (history, candidates) = batch(&config, &mut rng);
        let theirs = parameters(ModelKind::Ranker, &config, &dense);
        let (logits, leaves) = ranker_logits(&config, &theirs, &history, &candidates);
        let expected = read(logits.clone().detach());
        let mut seeds = values(&mut rng, expected.len());
        let a = config.num_actions;
        for (row, valid) in seeds.chunks_exact_mut(a).zip(&candidates.valid) {
            row.iter_mut().for_each(|x| *x *= f32::from(u8::from(*valid)));
        }
        let gradients = (logits.clone() * constant(&seeds, logits.dims())).sum().backward();

        let mut network = Network::new(ModelKind::Ranker, &config).unwrap();
        // Twice: the second pass finds every buffer full.
        for _ in 0..2 {
            network.load(&dense).unwrap();
            let (mut ours, mut slopes, mut ours_leaves) = (Vec::new(), Vec::new(), LeafGradients::default());
            let arrays = (&history, &candidates);
            network.train(&dense, arrays, (&mut ours, &mut slopes), &mut ours_leaves, |users, _, slopes| {
                let part = users.start * candidates.c * a..users.end * candidates.c * a;
                slopes[part.clone()].copy_from_slice(&seeds[part]);
            });
            for (i, valid) in candidates.valid.iter().enumerate() {
                if *valid {
                    same("logits", &ours[i * a..(i + 1) * a], &expected[i * a..(i + 1) * a], 1.0);
                }
            }
            let mut dense_gradients = Vec::new();
            network.gradients(&dense, &mut dense_gradients);
            same_gradients(&dense, &dense_gradients, &theirs.gradients(&gradients));
            same_leaves(&ours_leaves, &leaves.gradients(&gradients));
        }
    }
}

#[test]
fn retrieval_and_its_gradients_are_those_of_burn() {
    for (seed, config) in (40..).zip(forms()) {
        let mut rng = SplitMix64::new(seed);
        let dense = random_dense(ModelKind::Retrieval, &config, &mut rng);
        let (history, posts) = batch(&config, &mut rng);
        let (d, n) = (config.emb_size, 3);
        let cutoffs: Vec<u16> = posts.cutoff.clone();
        let theirs = parameters(ModelKind::Retrieval, &config, &dense);
        let (users, user_leaves) = user_representations_at(&config, &theirs, &history, &cutoffs, n);
        let (vectors, post_leaves) = candidate_representation(&config, &theirs, &posts.ids, posts.text.as_deref());
        let (user_seeds, post_seeds) = (values(&mut rng, history.b * n * d), values(&mut rng, posts.b * posts.c * d));
        let loss = (users.clone() * constant(&user_seeds, users.dims())).sum()
            + (vectors.clone() * constant(&post_seeds, vectors.dims())).sum();
        let gradients = loss.backward();

        let mut network = Network::new(ModelKind::Retrieval, &config).unwrap();
        let moments: Vec<Moment> =
            cutoffs.iter().enumerate().map(|(i, &cutoff)| Moment { user: i / n, cutoff }).collect();
        for _ in 0..2 {
            network.load(&dense).unwrap();
            let (mut ours, mut leaves, mut tower) = (Vec::new(), LeafGradients::default(), LeafGradients::default());
            network.users(&dense, &history, &moments, &mut ours);
            same("user vectors", &ours, &read(users.clone().detach()), 1.0);
            network.posts(&posts.ids, posts.text.as_deref(), &mut ours);
            same("post vectors", &ours, &read(vectors.clone().detach()), 1.0);
            network.users_back(&history, &moments, &user_seeds, &mut leaves);
            network.posts_back(&post_seeds, posts.text.is_some(), &mut tower);
            let mut dense_gradients = Vec::new();
            network.gradients(&dense, &mut dense_gradients);
            same_gradients(&dense, &dense_gradients, &theirs.gradients(&gradients));
            same_leaves(&leaves, &user_leaves.gradients(&gradients));
            let theirs = post_leaves.gradients(&gradients);
            same("tower rows", &tower.candidate_ids, &theirs.candidate_ids, 1e-3);
            same("tower words", &tower.candidate_text, &theirs.candidate_text, 1e-3);
        }
    }
}
