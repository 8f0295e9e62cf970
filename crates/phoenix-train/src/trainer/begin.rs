//! How a run begins: from scratch, from a checkpoint, or where it stopped.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::ActionSet;
use phoenix::{Checkpoint, CheckpointConfig, HashTables, TableSpec};

use super::RunOptions;
use super::error::TrainError;
use super::folder::{RunConfig, RunFolder};
use super::model::Model;
use super::objective::Objective;
use super::state::RunState;
use super::warm_start::{Wanted, WarmStart};
use crate::data::TrainingData;
use crate::recipe::Recipe;

/// A run that can take its next step.
pub(super) struct Begun {
    pub(super) folder: RunFolder,
    pub(super) state: RunState,
    /// It continues with the run in the folder.
    pub(super) resumed: bool,
}

/// Begins a run in its folder, or takes it up where it stopped.
pub(super) fn begin(
    data: &TrainingData,
    recipe: &Recipe,
    action_set: &ActionSet,
    objective: &dyn Objective,
    path: &Path,
    options: &RunOptions<'_>,
) -> Result<Begun, TrainError> {
    let wanted = Wanted { kind: objective.kind(), model: &recipe.model, action_set, trained_until: data.trained_until };
    let warm = options.from.map(|from| WarmStart::load(from, path, &wanted, objective.extra())).transpose()?;
    let config = RunConfig {
        kind: objective.kind(),
        recipe: recipe.clone(),
        action_set: action_set.clone(),
        seed: options.seed,
        threads: options.threads.max(1),
        data: [
            data.train.len() as u64,
            data.train.iter().map(|pass| pass.history.len() as u64).sum(),
            data.train.iter().map(|pass| pass.candidates.len() as u64).sum(),
        ],
        events: data.log_position.events(),
        from: warm.as_ref().map(|warm| warm.fingerprint.clone()),
        check: None,
    };
    // The seed of a model is where its hash functions came from.
    let seed = warm.as_ref().map_or(options.seed, |warm| warm.state.model.config.seed);
    let fresh = || match warm {
        Some(warm) => Ok(warm.state),
        None => initial(data, recipe, action_set, objective, options.seed).map(RunState::new),
    };
    let resumed = options.resume && (options.from.is_none() || RunFolder::holds_run(path)?);
    if !resumed {
        let folder = RunFolder::create(path, &config)?;
        return Ok(Begun { folder, state: fresh()?, resumed });
    }
    let folder = RunFolder::resume(path, &config)?;
    let state = match RunState::load(&folder.checkpoint(), objective.extra()) {
        // It ended before its first checkpoint.
        Err(TrainError::Checkpoint(error)) if error.is_not_found() && !folder.checkpoint().exists() => fresh()?,
        state => state?,
    };
    let saved = &state.model.config;
    if (saved.kind, saved.seed) != (config.kind, seed) || saved.model != recipe.model || saved.action_set != *action_set
    {
        let problem = "the checkpoint is of another run".to_owned();
        return Err(TrainError::Folder { folder: folder.checkpoint(), problem });
    }
    Ok(Begun { folder, state, resumed })
}

/// The model before its first step.
pub(super) fn initial(
    data: &TrainingData,
    recipe: &Recipe,
    action_set: &ActionSet,
    objective: &dyn Objective,
    seed: u64,
) -> Result<Model, TrainError> {
    let mut hashes = HashTables::draw(&recipe.model, data.ids, seed);
    let set = |table: &mut TableSpec, rows: Option<u32>| table.rows = rows.unwrap_or(table.rows);
    set(&mut hashes.user, recipe.tables.user_rows);
    set(&mut hashes.post, recipe.tables.post_rows);
    set(&mut hashes.author, recipe.tables.author_rows);
    set(&mut hashes.text, recipe.tables.text_rows);
    let config = CheckpointConfig {
        kind: objective.kind(),
        model: recipe.model.clone(),
        action_set: action_set.clone(),
        hashes,
        seed,
        trained_until: Some(data.trained_until),
        metrics: BTreeMap::new(),
    };
    let mut model = Model::new(Checkpoint::initial(config, recipe.table_init()), objective.extra());
    objective.prepare(&mut model)?;
    Ok(model)
}
