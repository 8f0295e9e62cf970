//! Retrieval: unit vectors of users and of posts; their dot product is the score.

use burn_tensor::Tensor;
use burn_tensor::activation::sigmoid;
use phoenix::ModelConfig;

use super::dense::{DenseParams, Output};
use super::leaves::Leaves;
use super::ops::{constant, unit};
use super::{embed, transformer};
use crate::model::HistoryArrays;

/// Unit vectors of users after the first `cutoff` tokens of each history, for `n` cut-offs of each user: `cutoffs` `[B, n]` → `[B·n, D]`.
/// More than S is S: the transformer over `[user | history]`, the mean of the valid outputs, scaled to length 1.
///
/// # Panics
/// When an array is shorter or longer than its shape says.
pub(crate) fn user_representations_at(
    config: &ModelConfig,
    params: &DenseParams,
    history: &HistoryArrays,
    cutoffs: &[u16],
    n: usize,
) -> (Tensor<2>, Leaves) {
    let mut leaves = Leaves::default();
    let (b, s, d) = (history.b, history.s, config.emb_size);
    let context = embed::context(config, params, history, &mut leaves);
    let encoded = transformer::encode(config, params, history, context);
    let mut weights = Vec::with_capacity(b * n * (1 + s));
    for (user, cutoffs) in cutoffs.chunks(n.max(1)).enumerate() {
        let tokens = &history.valid[user * s..][..s];
        for &cutoff in cutoffs {
            let seen = tokens.iter().enumerate().map(|(i, &valid)| valid && i < usize::from(cutoff));
            let valid = || std::iter::once(history.user_valid[user]).chain(seen.clone());
            let each = 1.0 / valid().filter(|&valid| valid).count().max(1) as f32;
            weights.extend(valid().map(|valid| if valid { each } else { 0.0 }));
        }
    }
    let weights: Tensor<3> = constant(weights, [b, n, 1 + s], params.device());
    let means = weights.matmul(encoded.reshape([b, 1 + s, d])).reshape([b * n, d]);
    (unit(means), leaves)
}

/// Unit vectors of posts, `[N, D]`, from their post and author rows `[N, (Hi+Ha)·D]` and text vectors `[N, D]` (none counts as
/// zeros): two matrices with SiLU between, scaled to length 1.
///
/// Parameters of the ranker have no such tower: their answer is empty, `[N, 0]`.
///
/// # Panics
/// When `text` is not of as many posts as `ids`.
pub(crate) fn candidate_representation(
    config: &ModelConfig,
    params: &DenseParams,
    ids: &[f32],
    text: Option<&[f32]>,
) -> (Tensor<2>, Leaves) {
    let mut leaves = Leaves::default();
    let Output::Retrieval { tower_1, tower_2 } = params.output() else {
        let posts = ids.len() / ((config.num_item_hashes + config.num_author_hashes) * config.emb_size);
        return (Tensor::zeros([posts, 0], params.device()), leaves);
    };
    let hidden = embed::tower_input(config, params, tower_1, ids, text, &mut leaves);
    let hidden = hidden.clone() * sigmoid(hidden);
    (unit(hidden.matmul(tower_2.clone())), leaves)
}
