//! The transformer (from Grok-1): sandwich norms, grouped-query attention, gated feed-forward.

use burn_tensor::{Device, Tensor};
use phoenix::ModelConfig;

use super::attention::{Heads, Memory, Own};
use super::dense::{DenseParams, LayerParams};
use super::ops::{gelu, normalize};
use super::rotary::Rotary;
use super::visibility;
use crate::model::{CandidateArrays, HistoryArrays};

/// What the layers share for one kind of tokens: where they stand and what they see.
struct Place {
    rotary: Rotary,
    mask: Tensor<5>,
}

/// The matrices of a layer with the scales of the norms before them multiplied in: `(x·g)·W = x·(g·W)`.
struct Scaled {
    query: Tensor<2>,
    key: Tensor<2>,
    value: Tensor<2>,
    up: Tensor<2>,
    gate: Tensor<2>,
}

impl Scaled {
    fn new(layer: &LayerParams<'_>) -> Self {
        let attention = layer.attention_norm.clone().transpose();
        let feed = layer.feed_norm.clone().transpose();
        Self {
            query: layer.query.clone() * attention.clone(),
            key: layer.key.clone() * attention.clone(),
            value: layer.value.clone() * attention,
            up: layer.up.clone() * feed.clone(),
            gate: layer.gate.clone() * feed,
        }
    }
}

/// The layers over a context alone: `[B·(1+S), D]` in and out.
pub(super) fn encode(
    config: &ModelConfig,
    params: &DenseParams,
    history: &HistoryArrays,
    mut context: Tensor<2>,
) -> Tensor<2> {
    let heads = Heads::new(config);
    let place = Place::of_context(config, history, params.device());
    for layer in params.layers() {
        let scaled = Scaled::new(&layer);
        let normal = normalize(context.clone(), config.rms_eps);
        let memory = remember(heads, &scaled, &place, normal.clone(), history.b);
        context = context_step(config, heads, &layer, &scaled, &place, context, normal, &memory);
    }
    context
}

/// The layers over a context and isolated candidates: `[B·C, D]`, the candidates' outputs.
///
/// In the last layer only keys and values of the context are computed: nothing reads more of it.
pub(super) fn encode_candidates(
    config: &ModelConfig,
    params: &DenseParams,
    history: &HistoryArrays,
    arrays: &CandidateArrays,
    mut context: Tensor<2>,
    mut candidates: Tensor<2>,
) -> Tensor<2> {
    let heads = Heads::new(config);
    let place = Place::of_context(config, history, params.device());
    let candidate_place = Place::of_candidates(config, history, arrays, params.device());
    let last = params.layers().len().saturating_sub(1);
    for (i, layer) in params.layers().enumerate() {
        let scaled = Scaled::new(&layer);
        let normal = normalize(context.clone(), config.rms_eps);
        let memory = remember(heads, &scaled, &place, normal.clone(), history.b);
        if i < last {
            context = context_step(config, heads, &layer, &scaled, &place, context, normal, &memory);
        }
        let normal = normalize(candidates.clone(), config.rms_eps);
        let own = Own {
            keys: candidate_place.rotary.keys(normal.clone().matmul(scaled.key.clone())),
            values: normal.clone().matmul(scaled.value.clone()),
        };
        let queries = candidate_place.rotary.queries(normal.matmul(scaled.query.clone()));
        let mixed = heads.attend(queries, &memory, &candidate_place.mask, Some(own));
        candidates = finish(config, &layer, &scaled, candidates, mixed);
    }
    candidates
}

impl Place {
    fn of_context(config: &ModelConfig, history: &HistoryArrays, device: &Device) -> Self {
        Self {
            rotary: Rotary::new(config, &visibility::context_positions(history), device),
            mask: visibility::of_context(config, history, device),
        }
    }

    fn of_candidates(
        config: &ModelConfig,
        history: &HistoryArrays,
        candidates: &CandidateArrays,
        device: &Device,
    ) -> Self {
        let positions = visibility::candidate_positions(config, history, candidates);
        Self {
            rotary: Rotary::new(config, &positions, device),
            mask: visibility::of_candidates(history, candidates, device),
        }
    }
}

fn remember(heads: Heads, scaled: &Scaled, place: &Place, normal: Tensor<2>, batch: usize) -> Memory {
    let keys = place.rotary.keys(normal.clone().matmul(scaled.key.clone()));
    heads.memory(keys, normal.matmul(scaled.value.clone()), batch)
}

#[expect(clippy::too_many_arguments, reason = "what one layer needs; a struct for it would live for this one call")]
fn context_step(
    config: &ModelConfig,
    heads: Heads,
    layer: &LayerParams<'_>,
    scaled: &Scaled,
    place: &Place,
    context: Tensor<2>,
    normal: Tensor<2>,
    memory: &Memory,
) -> Tensor<2> {
    let queries = place.rotary.queries(normal.matmul(scaled.query.clone()));
    let mixed = heads.attend(queries, memory, &place.mask, None);
    finish(config, layer, scaled, context, mixed)
}

/// Everything of a layer after attention, token by token.
fn finish(config: &ModelConfig, layer: &LayerParams<'_>, scaled: &Scaled, x: Tensor<2>, mixed: Tensor<2>) -> Tensor<2> {
    let attended = normalize(mixed.matmul(layer.out.clone()), config.rms_eps);
    let x = x + attended * layer.attention_post_norm.clone();
    let normal = normalize(x.clone(), config.rms_eps);
    let gated = gelu(normal.clone().matmul(scaled.gate.clone())) * normal.matmul(scaled.up.clone());
    let fed = normalize(gated.matmul(layer.down.clone()), config.rms_eps);
    x + fed * layer.feed_post_norm.clone()
}
