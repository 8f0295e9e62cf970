//! The ranker: logits of every action on each candidate.

use burn_tensor::Tensor;
use phoenix::ModelConfig;

use super::dense::{DenseParams, Output};
use super::leaves::Leaves;
use super::ops::normalize;
use super::{embed, transformer};
use crate::model::{CandidateArrays, HistoryArrays};

/// Logits `[B, C, A]` of the ranker.
///
/// Each candidate sees the user, the first `cutoff` history tokens and itself. With bidirectional history attention the context
/// itself sees the whole history, so a pass is free of leakage only if all its candidates see all of it.
///
/// Parameters of the retrieval model have no heads: their logits are empty, `[B, C, 0]`.
///
/// # Panics
/// When an array is shorter or longer than its shape says, or there are no candidates.
pub(crate) fn ranker_logits(
    config: &ModelConfig,
    params: &DenseParams,
    history: &HistoryArrays,
    candidates: &CandidateArrays,
) -> (Tensor<3>, Leaves) {
    let mut leaves = Leaves::default();
    let (b, c) = (candidates.b, candidates.c);
    let Output::Ranker { candidate, norm, heads } = params.output() else {
        return (Tensor::zeros([b, c, 0], params.device()), leaves);
    };
    let context = embed::context(config, params, history, &mut leaves);
    let tokens = embed::candidates(config, params, candidate, candidates, &mut leaves);
    let encoded = transformer::encode_candidates(config, params, history, candidates, context, tokens);
    let heads = heads.clone() * norm.clone().transpose();
    let logits = normalize(encoded, config.rms_eps).matmul(heads);
    (logits.reshape([b, c, config.num_actions]), leaves)
}
