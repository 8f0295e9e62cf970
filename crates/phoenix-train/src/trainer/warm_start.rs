//! Going on from the checkpoint of another run.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::{ActionSet, TimeMs};
use model_registry::{NamedTensor, action_difference};
use phoenix::{Checkpoint, CheckpointConfig, HashTables, ModelConfig, ModelKind};
use serde::Serialize;
use train_core::{Saved, Started, TrainError};
use xxhash_rust::xxh3::Xxh3;

use super::model::Model;
use super::trained::Trained;

/// What the run trains.
pub(super) struct Wanted<'a> {
    pub(super) kind: ModelKind,
    pub(super) model: &'a ModelConfig,
    pub(super) action_set: &'a ActionSet,
    pub(super) trained_until: TimeMs,
}

/// Reads the checkpoint `from`; `extra` is what is learned in addition to the model, at its usual start.
pub(super) fn load(
    from: &Path,
    wanted: &Wanted<'_>,
    mut extra: Vec<NamedTensor>,
) -> Result<Started<Trained>, TrainError> {
    let refuse = |problem: String| TrainError::WarmStart { folder: from.to_owned(), problem };
    let checkpoint = Checkpoint::load(from)?;
    if let Some(problem) = difference(&checkpoint.config, wanted) {
        return Err(refuse(problem));
    }
    let saved = Saved::read_if_there(from)?;
    let fingerprint = fingerprint(&checkpoint, saved.as_ref()).map_err(|e| refuse(e.to_string()))?;
    for tensor in &mut extra {
        if let ([value], Some(learned)) = (&mut tensor.data[..], checkpoint.config.metrics.get(&tensor.name)) {
            *value = *learned as f32;
        }
    }
    let Checkpoint { config, dense, tables } = checkpoint;
    let config = CheckpointConfig {
        kind: wanted.kind,
        model: wanted.model.clone(),
        action_set: wanted.action_set.clone(),
        hashes: config.hashes,
        seed: config.seed,
        trained_until: Some(wanted.trained_until),
        metrics: BTreeMap::new(),
    };
    let mut model = Trained::new(Model::new(Checkpoint { config, dense, tables }, extra));
    if let Some(mut saved) = saved {
        model.restore(&mut saved)?;
    }
    Ok(Started { model, fingerprint })
}

/// The first thing that makes a checkpoint another model's. Weights of actions are not part of a model.
fn difference(found: &CheckpointConfig, wanted: &Wanted<'_>) -> Option<String> {
    if found.kind != wanted.kind {
        return Some(format!("it is a {} model, not a {} model", found.kind.name(), wanted.kind.name()));
    }
    if let Some(difference) = action_difference(&found.action_set, wanted.action_set) {
        return Some(difference);
    }
    let fields = |config| match serde_json::to_value(config) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (its, ours) = (fields(&found.model), fields(wanted.model));
    let null = serde_json::Value::Null;
    let key = ours.iter().find(|(key, value)| its.get(*key) != Some(value));
    key.map(|(key, value)| format!("its model.{key} is {}, the recipe's {value}", its.get(key).unwrap_or(&null)))
}

/// What a checkpoint's model is, as the first version of the format had it: the fingerprints of runs that began with it stay.
#[derive(Serialize)]
struct Identity<'a> {
    format: u32,
    kind: ModelKind,
    model: &'a ModelConfig,
    action_set: &'a ActionSet,
    hashes: &'a HashTables,
    seed: u64,
    trained_until: Option<TimeMs>,
    metrics: &'a BTreeMap<String, f64>,
}

/// A hash of everything a checkpoint holds.
fn fingerprint(checkpoint: &Checkpoint, saved: Option<&Saved>) -> Result<String, serde_json::Error> {
    let mut hash = Xxh3::new();
    let CheckpointConfig { kind, model, action_set, hashes, seed, trained_until, metrics } = &checkpoint.config;
    let (kind, format) = (*kind, 1);
    hash.update(&serde_json::to_vec(&Identity {
        format,
        kind,
        model,
        action_set,
        hashes,
        seed: *seed,
        trained_until: *trained_until,
        metrics,
    })?);
    let tables = &checkpoint.tables;
    let tables = [&tables.user, &tables.post, &tables.author, &tables.text].map(|values| ("table", values));
    let saved = saved.map_or(&[][..], Saved::tensors);
    let tensors = checkpoint.dense.iter().chain(saved).map(|tensor| (tensor.name.as_str(), &tensor.data));
    let mut bytes = [0; 4_096];
    for (name, values) in tensors.chain(tables) {
        hash.update(name.as_bytes());
        for values in values.chunks(bytes.len() / 4) {
            for (bytes, value) in bytes.chunks_exact_mut(4).zip(values) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
            hash.update(&bytes[..4 * values.len()]);
        }
    }
    Ok(format!("{:016x}", hash.digest()))
}
