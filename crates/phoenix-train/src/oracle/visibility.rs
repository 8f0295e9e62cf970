//! Which token sees which, as what is added to attention logits: 0 or [`HIDDEN`].

use burn_tensor::{Device, Tensor};
use phoenix::{HistoryAttention, ModelConfig, Positions};

use super::ops::constant;
use crate::model::{CandidateArrays, HistoryArrays};

/// Added to the logit of a key that must not be seen: `exp` of it is exactly 0, and it is finite, so no gradient is NaN.
const HIDDEN: f32 = -1e9;

/// What a context token sees, `[B, 1, 1, 1+S, 1+S]`.
///
/// Every token sees itself even as padding, so that no row is empty (0/0); nothing reads the output of padding. With bidirectional
/// attention every context token, the user's too, sees the whole valid context.
pub(super) fn of_context(config: &ModelConfig, history: &HistoryArrays, device: &Device) -> Tensor<5> {
    let (b, s) = (history.b, history.s);
    let n = 1 + s;
    let causal = config.history_attention == HistoryAttention::Causal;
    let mut mask = Vec::with_capacity(b * n * n);
    for user in 0..b {
        for query in 0..n {
            for key in 0..n {
                let sees = query == key || (is_key(history, user, key) && (!causal || key <= query));
                mask.push(if sees { 0.0 } else { HIDDEN });
            }
        }
    }
    constant(mask, [b, 1, 1, n, n], device)
}

/// What a candidate sees of the context, `[B, 1, 1, C, 1+S]`.
pub(super) fn of_candidates(history: &HistoryArrays, candidates: &CandidateArrays, device: &Device) -> Tensor<5> {
    let (b, c, n) = (history.b, candidates.c, 1 + history.s);
    let mut mask = Vec::with_capacity(b * c * n);
    for user in 0..b {
        for &cutoff in &candidates.cutoff[user * c..][..c] {
            for key in 0..n {
                let sees = is_key(history, user, key) && key <= usize::from(cutoff);
                mask.push(if sees { 0.0 } else { HIDDEN });
            }
        }
    }
    constant(mask, [b, 1, 1, c, n], device)
}

/// Whether context token `key` (0 is the user) may be seen at all.
fn is_key(history: &HistoryArrays, user: usize, key: usize) -> bool {
    match key.checked_sub(1) {
        None => history.user_valid[user],
        Some(token) => history.valid[user * history.s + token],
    }
}

/// Positions of the context tokens, `[B, 1+S]`.
pub(super) fn context_positions(history: &HistoryArrays) -> Vec<usize> {
    (0..history.b).flat_map(|_| 0..=history.s).collect()
}

/// Positions of the candidates, `[B, C]`.
pub(super) fn candidate_positions(
    config: &ModelConfig,
    history: &HistoryArrays,
    candidates: &CandidateArrays,
) -> Vec<usize> {
    match config.positions {
        Positions::Shared => candidates.cutoff.iter().map(|&cutoff| usize::from(cutoff).min(history.s) + 1).collect(),
        Positions::Sequential => (0..history.b).flat_map(|_| 1 + history.s..1 + history.s + candidates.c).collect(),
    }
}
