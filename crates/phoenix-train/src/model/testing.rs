//! Small models and batches for tests.

use foryou_types::Rng;
use model_registry::NamedTensor;
use phoenix::{Init, ModelConfig, ModelKind, dense_params};

use super::{CandidateArrays, HistoryArrays};

/// A small model with every block on.
pub(crate) fn tiny() -> ModelConfig {
    ModelConfig {
        emb_size: 8,
        num_layers: 2,
        num_q_heads: 4,
        num_kv_heads: 2,
        key_size: 4,
        widening_factor: 2.0,
        history_seq_len: 6,
        num_actions: 3,
        product_surface_vocab_size: 4,
        ..ModelConfig::default()
    }
}

/// A value in (-1, 1), spread evenly.
fn draw(rng: &mut dyn Rng) -> f32 {
    (rng.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

pub(crate) fn values(rng: &mut dyn Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| draw(rng)).collect()
}

/// Dense values of the right spread; scales are drawn too, so that a wrong place of a norm shows.
pub(crate) fn random_dense(kind: ModelKind, config: &ModelConfig, rng: &mut dyn Rng) -> Vec<NamedTensor> {
    dense_params(kind, config)
        .into_iter()
        .map(|spec| {
            let count = spec.len();
            let data = (0..count)
                .map(|_| match spec.init {
                    Init::Normal(deviation) => draw(rng) * deviation * 1.7,
                    Init::Constant(start) => start * (1.0 + 0.3 * draw(rng)),
                })
                .collect();
            NamedTensor { name: spec.name, shape: spec.shape, data }
        })
        .collect()
}

pub(crate) fn random_history(config: &ModelConfig, lengths: &[usize], s: usize, rng: &mut dyn Rng) -> HistoryArrays {
    let (b, d) = (lengths.len(), config.emb_size);
    let ids = (config.num_item_hashes + config.num_author_hashes) * d;
    HistoryArrays {
        b,
        s,
        user: values(rng, b * config.user_width()),
        user_valid: vec![true; b],
        ids: values(rng, b * s * ids),
        text: Some(values(rng, b * s * d)),
        actions: (0..b * s * config.num_actions).map(|_| f32::from(rng.next_u64().is_multiple_of(3))).collect(),
        surface: (0..b * s).map(|_| (rng.next_u64() % config.product_surface_vocab_size as u64) as u8).collect(),
        age: (0..b * s).map(|_| (rng.next_u64() % 82) as u8).collect(),
        dwell: (0..b * s).map(|_| (rng.next_u64() % 30) as f32).collect(),
        valid: lengths.iter().flat_map(|&n| (0..s).map(move |i| i < n)).collect(),
    }
}

pub(crate) fn random_candidates(config: &ModelConfig, cutoffs: &[&[u16]], rng: &mut dyn Rng) -> CandidateArrays {
    let (b, c, d) = (cutoffs.len(), cutoffs[0].len(), config.emb_size);
    let ids = (config.num_item_hashes + config.num_author_hashes) * d;
    CandidateArrays {
        b,
        c,
        ids: values(rng, b * c * ids),
        text: Some(values(rng, b * c * d)),
        surface: (0..b * c).map(|_| (rng.next_u64() % config.product_surface_vocab_size as u64) as u8).collect(),
        age: (0..b * c).map(|_| (rng.next_u64() % 82) as u8).collect(),
        cutoff: cutoffs.concat(),
        valid: vec![true; b * c],
    }
}
