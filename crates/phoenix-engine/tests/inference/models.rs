//! Small random models, viewers and posts.

use std::collections::BTreeMap;
use std::sync::Arc;

use foryou_types::{ActionKind, ActionMask, ActionSet, PostId, Rng, SplitMix64, TimeMs, UserId};
use phoenix::{
    CandidateItem, Checkpoint, CheckpointConfig, HashTables, HistoryAttention, HistoryItem, IdCounts, ModelConfig,
    ModelKind, TableInit,
};
use phoenix_engine::Precision;
use proptest::prelude::*;

/// A model whose widths are no multiples of anything, with all blocks.
pub(crate) fn odd() -> ModelConfig {
    ModelConfig {
        emb_size: 20,
        num_layers: 2,
        num_q_heads: 4,
        num_kv_heads: 2,
        key_size: 10,
        history_seq_len: 40,
        num_actions: 5,
        product_surface_vocab_size: 4,
        ..ModelConfig::default()
    }
}

/// One with heads wider than a panel, an odd number of hashes, no cap and none of the optional blocks.
pub(crate) fn wide() -> ModelConfig {
    ModelConfig {
        emb_size: 40,
        num_layers: 3,
        num_q_heads: 2,
        num_kv_heads: 1,
        key_size: 36,
        attn_logit_cap: None,
        attn_output_multiplier: Some(0.2),
        history_seq_len: 30,
        num_actions: 33,
        num_user_hashes: 1,
        num_item_hashes: 3,
        num_author_hashes: 1,
        widening_factor: 2.0,
        text: false,
        post_age: false,
        dwell: false,
        ..ModelConfig::default()
    }
}

/// A model that has learned nothing but whose every value matters.
pub(crate) fn checkpoint(kind: ModelKind, model: ModelConfig, seed: u64) -> Checkpoint {
    let names: Vec<String> = (0..model.num_actions).map(|i| format!("action {i}")).collect();
    let mut action_set = ActionSet::discrete(1, &names.iter().map(|n| (n.as_str(), 1.0)).collect::<Vec<_>>());
    if let Some(last) = action_set.actions.last_mut() {
        last.kind = ActionKind::Continuous;
    }
    let ids = IdCounts { users: 20, posts: 50, authors: 20, words: 30 };
    let config = CheckpointConfig {
        kind,
        hashes: HashTables::draw(&model, ids, seed),
        model,
        action_set,
        seed,
        trained_until: None,
        metrics: BTreeMap::new(),
    };
    let mut checkpoint = Checkpoint::initial(config, TableInit { user: 0.7, post: 0.7, author: 0.7, text: 0.7 });
    // Norms start constant; a gain in the wrong place must show.
    let mut rng = SplitMix64::fork(seed, "gains");
    for tensor in checkpoint.dense.iter_mut().filter(|t| t.shape.len() == 1) {
        tensor.data.iter_mut().for_each(|x| *x *= 0.5 + rng.uniform() as f32);
    }
    checkpoint
}

pub(crate) fn bidirectional(mut model: ModelConfig) -> ModelConfig {
    model.history_attention = HistoryAttention::Bidirectional;
    model
}

fn content(rng: &mut SplitMix64) -> Arc<[u32]> {
    (0..rng.below(5)).map(|_| 1 + rng.below(60) as u32).collect()
}

pub(crate) fn history_item(rng: &mut SplitMix64) -> HistoryItem {
    HistoryItem {
        post: PostId(rng.next_u64() | 1),
        author: UserId(rng.below(30) as u64),
        actions: ActionMask(if rng.chance(0.3) { 0 } else { rng.next_u64() & 0x1f }),
        surface: rng.below(5) as u8,
        dwell_seconds: (rng.uniform() * 35.0) as f32,
        age_bucket: rng.below(83) as u8,
        content: content(rng),
        at: TimeMs(0),
    }
}

pub(crate) fn history(n: usize, seed: u64) -> Vec<HistoryItem> {
    let mut rng = SplitMix64::fork(seed, "history");
    (0..n).map(|_| history_item(&mut rng)).collect()
}

pub(crate) fn candidates(n: usize, seed: u64) -> Vec<CandidateItem> {
    let mut rng = SplitMix64::fork(seed, "candidates");
    (0..n)
        .map(|_| CandidateItem {
            post: PostId(rng.next_u64() | 1),
            author: UserId(rng.below(30) as u64),
            surface: rng.below(5) as u8,
            age_bucket: rng.below(83) as u8,
            content: content(&mut rng),
        })
        .collect()
}

/// Every precision.
pub(crate) fn precisions() -> impl Strategy<Value = Precision> {
    prop::sample::select(vec![Precision::F32, Precision::Bf16, Precision::I8])
}

/// Bits, so that a comparison distinguishes what `==` on floats does not.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |most, d| if d.is_nan() { f32::INFINITY } else { d.max(most) })
}

/// Runs `f` on a pool of so many threads.
pub(crate) fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}
