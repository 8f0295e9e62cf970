//! Properties of both models: agreement with the reference, isolation, the future, gradients, padding.

use foryou_types::SplitMix64;
use model_registry::NamedTensor;
use phoenix::golden::{Golden, reference_files};
use phoenix::{HistoryAttention, ModelConfig, ModelKind, Positions, dense_params};

use super::testing::{random_candidates, random_dense, random_history, tiny, values};
use super::*;

mod gradients;
mod properties;
mod reference;

/// The ranker's logits, `[B, C, A]`.
fn logits(config: &ModelConfig, dense: &[NamedTensor], h: &HistoryArrays, c: &CandidateArrays) -> Vec<f32> {
    let mut network = Network::new(ModelKind::Ranker, config).unwrap();
    network.load(dense).unwrap();
    let mut out = Vec::new();
    network.logits(dense, h, c, &mut out);
    out
}

/// Users' unit vectors after the whole of their histories, `[B, D]`.
fn users(config: &ModelConfig, dense: &[NamedTensor], h: &HistoryArrays) -> Vec<f32> {
    let mut network = Network::new(ModelKind::Retrieval, config).unwrap();
    network.load(dense).unwrap();
    let (mut out, all): (_, Vec<_>) = (Vec::new(), (0..h.b).map(|user| Moment { user, cutoff: u16::MAX }).collect());
    network.users(dense, h, &all, &mut out);
    out
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().chain(b).all(|x| x.is_finite()), "not finite");
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
