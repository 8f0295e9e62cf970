//! How a run begins: from scratch, from a checkpoint, or where it stopped.

use std::fs;
use std::path::Path;

use model_registry::Manifest;

use crate::error::TrainError;
use crate::folder::{RunConfig, RunFolder, holds_run};
use crate::objective::{Objective, Started};
use crate::options::RunOptions;
use crate::state::RunState;

/// A run that can take its next step.
pub(crate) struct Begun<M> {
    pub(crate) folder: RunFolder,
    pub(crate) state: RunState<M>,
    /// It continues with the run in the folder.
    pub(crate) resumed: bool,
}

/// Begins a run in its folder, or takes it up where it stopped.
pub(crate) fn begin<O: Objective>(
    objective: &O,
    path: &Path,
    options: &RunOptions<'_>,
) -> Result<Begun<O::Model>, TrainError> {
    let warm = options.from.map(|from| start_from(objective, from, path)).transpose()?;
    let data = objective.data();
    let config = RunConfig {
        kind: objective.kind(),
        recipe: objective.recipe().map_err(|e| TrainError::Objective(e.into()))?,
        action_set: objective.action_set().clone(),
        seed: options.seed,
        threads: options.threads.max(1),
        data: data.sizes,
        events: data.events,
        from: warm.as_ref().map(|started| started.fingerprint.clone()),
        check: None,
    };
    let fresh = || match warm {
        Some(started) => Ok(started.model),
        None => objective.initial(options.seed),
    };
    let resumed = options.resume && (options.from.is_none() || holds_run(path)?);
    if !resumed {
        let folder = RunFolder::create(path, &config)?;
        return Ok(Begun { folder, state: RunState::new(fresh()?), resumed });
    }
    let folder = RunFolder::resume(path, &config)?;
    let checkpoint = folder.checkpoint();
    let state = match RunState::load(objective, &checkpoint) {
        // It ended before its first checkpoint.
        Err(TrainError::Checkpoint(error)) if error.is_not_found() && !checkpoint.exists() => RunState::new(fresh()?),
        Err(error) => return Err(error),
        Ok(state) => {
            // The seed of a model is where its hash functions and the like came from.
            let seed = options.from.map_or(Ok(options.seed), |from| Manifest::read(from).map(|it| it.seed))?;
            if !objective.is_of_run(&Manifest::read(&checkpoint)?, seed) {
                let problem = "the checkpoint is of another run".to_owned();
                return Err(TrainError::Folder { folder: checkpoint, problem });
            }
            state
        }
    };
    Ok(Begun { folder, state, resumed })
}

/// Reads the checkpoint `from` for a run in the folder `run`.
fn start_from<O: Objective>(objective: &O, from: &Path, run: &Path) -> Result<Started<O::Model>, TrainError> {
    if is_inside(from, run) {
        let problem = "it is in the run's own folder, which a new run replaces; name another folder".to_owned();
        return Err(TrainError::WarmStart { folder: from.to_owned(), problem });
    }
    objective.start_from(from)
}

/// Whether a path lies in a folder; a missing folder holds nothing.
fn is_inside(path: &Path, folder: &Path) -> bool {
    match (fs::canonicalize(path), fs::canonicalize(folder)) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}
