//! A small model for tests.

use std::collections::BTreeMap;

use foryou_types::{ActionSet, TimeMs};

use crate::checkpoint::{Checkpoint, CheckpointConfig, TableInit};
use crate::config::{ModelConfig, ModelKind};
use crate::hashing::{HashTables, IdCounts};

/// Width 8, one layer, tables of 16 to 64 rows.
pub(crate) fn small_config(kind: ModelKind) -> CheckpointConfig {
    let model = ModelConfig {
        emb_size: 8,
        num_layers: 1,
        num_q_heads: 2,
        num_kv_heads: 1,
        key_size: 4,
        history_seq_len: 8,
        ..ModelConfig::default()
    };
    let ids = IdCounts { users: 8, posts: 20, authors: 8, words: 32 };
    CheckpointConfig {
        kind,
        action_set: ActionSet::for_you(),
        hashes: HashTables::draw(&model, ids, 7),
        model,
        seed: 7,
        trained_until: Some(TimeMs(1_234)),
        metrics: BTreeMap::from([("validation/ndcg@10".to_owned(), 0.5)]),
    }
}

/// A new model of that configuration, post rows drawn too.
pub fn small(kind: ModelKind) -> Checkpoint {
    Checkpoint::initial(small_config(kind), TableInit { post: 0.01, ..TableInit::default() })
}
