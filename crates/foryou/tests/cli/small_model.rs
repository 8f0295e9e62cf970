//! Models that nobody trained: small, there to be promoted, killed and damaged.

use std::path::Path;

use foryou_types::{ActionSet, TimeMs};
use model_registry::Registry;
use phoenix::{Checkpoint, CheckpointConfig, HashTables, IdCounts, ModelConfig, ModelKind, Phoenix, TableInit};

/// Adds a version to a data folder's models; another seed gives other weights.
pub(crate) fn add(data: &Path, kind: ModelKind, seed: u64) -> String {
    let sizes = ModelConfig {
        emb_size: 8,
        num_layers: 1,
        num_q_heads: 2,
        num_kv_heads: 1,
        key_size: 4,
        ..ModelConfig::default()
    };
    let ids = IdCounts { users: 8, posts: 20, authors: 8, words: 32 };
    let config = CheckpointConfig {
        kind,
        action_set: ActionSet::for_you(),
        hashes: HashTables::draw(&sizes, ids, seed),
        model: sizes,
        seed,
        trained_until: None,
        metrics: std::collections::BTreeMap::new(),
    };
    let checkpoint = Checkpoint::initial(config, TableInit::default());
    Registry::open(&data.join("models"), &[&Phoenix]).unwrap().add(&checkpoint, None, TimeMs(5)).unwrap()
}
