//! From looked-up rows and features to token vectors.
//!
//! The concatenation of blocks times a projection is the sum of each block times its rows of the projection, so nothing is
//! concatenated. The small tables are multiplied by their rows of the projection first (`(x·T)·W = x·(T·W)`): then all of a token's
//! discrete features are one product of a constant `[tokens, actions + surfaces + ages]` matrix.

use std::ops::Range;

use burn_tensor::Tensor;
use burn_tensor::activation::sigmoid;
use phoenix::AGE_BUCKETS;
use phoenix::ModelConfig;
use phoenix::dwell_input;

use super::dense::DenseParams;
use super::leaves::Leaves;
use super::ops::constant;
use crate::model::{CandidateArrays, HistoryArrays};

/// Hands out the rows of a projection block by block.
struct Blocks<'a> {
    projection: &'a Tensor<2>,
    width: usize,
    next: usize,
}

impl<'a> Blocks<'a> {
    fn new(projection: &'a Tensor<2>, width: usize) -> Self {
        Self { projection, width, next: 0 }
    }

    /// The rows of a block of `vectors` D-wide vectors.
    fn take(&mut self, vectors: usize) -> Tensor<2> {
        let rows: Range<usize> = self.next..self.next + vectors * self.width;
        self.next = rows.end;
        self.projection.clone().slice([rows, 0..self.width])
    }
}

/// The context tokens `[user | history]`, `[B·(1+S), D]`.
pub(super) fn context(
    config: &ModelConfig,
    params: &DenseParams,
    arrays: &HistoryArrays,
    leaves: &mut Leaves,
) -> Tensor<2> {
    let (b, s, d) = (arrays.b, arrays.s, config.emb_size);
    let user_rows = params.leaf(&arrays.user, [b, config.user_width()]);
    let user = user_rows.clone().matmul(params.user().clone());
    leaves.user = Some(user_rows);
    if s == 0 {
        return user;
    }
    let tokens = b * s;
    let ids_width = (config.num_item_hashes + config.num_author_hashes) * d;
    let mut blocks = Blocks::new(params.history(), d);
    let ids = params.leaf(&arrays.ids, [tokens, ids_width]);
    let mut history = ids.clone().matmul(blocks.take(ids_width / d));
    leaves.history_ids = Some(ids);

    let mut tables =
        vec![params.actions().clone().matmul(blocks.take(1)), params.surface().clone().matmul(blocks.take(1))];
    if config.text {
        let rows = blocks.take(1);
        if let Some(text) = &arrays.text {
            let text = params.leaf(text, [tokens, d]);
            history = history + text.clone().matmul(rows);
            leaves.history_text = Some(text);
        }
    }
    if let Some(age) = params.age() {
        tables.push(age.clone().matmul(blocks.take(1)));
    }
    let features = discrete_features(config, Some(&arrays.actions), &arrays.surface, &arrays.age);
    history = history + product_of_features(features, tokens, tables, params);
    if let Some((first, second)) = params.dwell() {
        let seconds = arrays.dwell.iter().map(|&seconds| dwell_input(seconds)).collect();
        let hidden = constant(seconds, [tokens, 1], params.device()).matmul(first.clone());
        let hidden = hidden.clone() * sigmoid(hidden);
        history = history + hidden.matmul(second.clone().matmul(blocks.take(1)));
    }
    let both = vec![user.reshape([b, 1, d]), history.reshape([b, s, d])];
    Tensor::cat(both, 1).reshape([b * (1 + s), d])
}

/// The candidate tokens, `[B·C, D]`.
pub(super) fn candidates(
    config: &ModelConfig,
    params: &DenseParams,
    projection: &Tensor<2>,
    arrays: &CandidateArrays,
    leaves: &mut Leaves,
) -> Tensor<2> {
    let (tokens, d) = (arrays.b * arrays.c, config.emb_size);
    let ids_width = (config.num_item_hashes + config.num_author_hashes) * d;
    let mut blocks = Blocks::new(projection, d);
    let ids = params.leaf(&arrays.ids, [tokens, ids_width]);
    let mut token = ids.clone().matmul(blocks.take(ids_width / d));
    leaves.candidate_ids = Some(ids);

    let mut tables = vec![params.surface().clone().matmul(blocks.take(1))];
    if config.text {
        let rows = blocks.take(1);
        if let Some(text) = &arrays.text {
            let text = params.leaf(text, [tokens, d]);
            token = token + text.clone().matmul(rows);
            leaves.candidate_text = Some(text);
        }
    }
    if let Some(age) = params.age() {
        tables.push(age.clone().matmul(blocks.take(1)));
    }
    let features = discrete_features(config, None, &arrays.surface, &arrays.age);
    token + product_of_features(features, tokens, tables, params)
}

/// The input of the candidate tower times its first matrix, `[N, 2·D]`.
pub(super) fn tower_input(
    config: &ModelConfig,
    params: &DenseParams,
    projection: &Tensor<2>,
    ids: &[f32],
    text: Option<&[f32]>,
    leaves: &mut Leaves,
) -> Tensor<2> {
    let d = config.emb_size;
    let ids_width = (config.num_item_hashes + config.num_author_hashes) * d;
    let posts = ids.len() / ids_width;
    let ids = params.leaf(ids, [posts, ids_width]);
    let mut hidden = ids.clone().matmul(projection.clone().slice([0..ids_width, 0..2 * d]));
    leaves.candidate_ids = Some(ids);
    if let (true, Some(text)) = (config.text, text) {
        let text = params.leaf(text, [posts, d]);
        hidden = hidden + text.clone().matmul(projection.clone().slice([ids_width..ids_width + d, 0..2 * d]));
        leaves.candidate_text = Some(text);
    }
    hidden
}

fn product_of_features(features: Vec<f32>, tokens: usize, tables: Vec<Tensor<2>>, params: &DenseParams) -> Tensor<2> {
    let columns = features.len() / tokens.max(1);
    constant(features, [tokens, columns], params.device()).matmul(Tensor::cat(tables, 0))
}

/// `[actions? | surface | age?]` per token: signed actions `2a − 1` (all zero where there is no action), one-hot surface and age.
///
/// A surface or age outside its table is left out, as a zero vector.
fn discrete_features(config: &ModelConfig, actions: Option<&[f32]>, surfaces: &[u8], ages: &[u8]) -> Vec<f32> {
    let actions_width = if actions.is_some() { config.num_actions } else { 0 };
    let ages_width = if config.post_age { AGE_BUCKETS } else { 0 };
    let columns = actions_width + config.product_surface_vocab_size + ages_width;
    let mut features = vec![0.0; surfaces.len() * columns];
    for (i, row) in features.chunks_exact_mut(columns).enumerate() {
        let (signed, rest) = row.split_at_mut(actions_width);
        let (surface, age) = rest.split_at_mut(config.product_surface_vocab_size);
        if let Some(actions) = actions {
            let actions = &actions[i * actions_width..][..actions_width];
            if actions.iter().any(|&action| action != 0.0) {
                for (signed, action) in signed.iter_mut().zip(actions) {
                    *signed = 2.0 * action - 1.0;
                }
            }
        }
        if let Some(at) = surface.get_mut(usize::from(surfaces[i])) {
            *at = 1.0;
        }
        if let Some(at) = ages.get(i).and_then(|&bucket| age.get_mut(usize::from(bucket))) {
            *at = 1.0;
        }
    }
    features
}
