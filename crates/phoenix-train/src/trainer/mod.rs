//! Trains a model: the loop, its folder, and what it tells while it runs.
//!
//! [`train_ranker`] and [`train_retrieval`] differ in their objective; the run around it (`run`) is one: steps by plan, skipped where not
//! finite, evaluated, checkpointed, resumed.
//!
//! Invariants:
//! * A run is fixed by data, recipe, seed and number of threads: a resumed one ends in the same bits as one that never stopped.
//! * Gradients are summed in the order of the shards, whichever thread is first.
//! * What is saved is finite, or refused.
//! * A run that continues from a checkpoint ([`RunOptions::from`]) is fixed by that too.

mod assemble;
mod begin;
mod error;
mod folder;
mod heads;
mod judge;
mod measure;
mod model;
mod objective;
mod pool;
mod ranker;
mod recall;
mod retrieval;
mod run;
mod shard;
mod softmax;
mod start;
mod state;
#[cfg(test)]
mod tests;
mod text_start;
mod warm_start;
mod weighted;
mod workers;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use foryou_types::ActionSet;
use phoenix::Checkpoint;

pub use error::TrainError;
pub use judge::{Previous, judge};

use crate::data::TrainingData;
use crate::recipe::{Recipe, RecipeError};
use ranker::RankerObjective;
use retrieval::RetrievalObjective;

/// How a run is run.
#[derive(Clone, Copy)]
pub struct RunOptions<'a> {
    /// Threads that compute, at least 1. The result depends on it in its last bits.
    pub threads: usize,
    /// Everything random comes from here.
    pub seed: u64,
    /// Whether to continue with the run in the folder. With [`Self::from`], a folder without a run is not an error: the run begins.
    pub resume: bool,
    /// A checkpoint to start from: of a run (its `checkpoint/`, with the state of the optimisers) or one to serve
    /// (`best/`, or a version of the registry, without).
    ///
    /// Its dense tensors, tables with their sizes and hash functions, and the temperature of retrieval are taken over, and where it
    /// has them the moments of AdamW and the accumulators of Adagrad. Steps, schedule, best and patience start again, and what a recipe
    /// says of starts and of tables' rows does not apply. Another model or action set is refused (weights of actions may differ), and
    /// so is a checkpoint in the run's own folder. To resume such a run the same checkpoint must be given again.
    pub from: Option<&'a Path>,
    /// Ends the run after the current step, with a checkpoint.
    pub stop: &'a AtomicBool,
    /// Who is told.
    pub progress: &'a dyn Progress,
}

impl fmt::Debug for RunOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, seed, resume, from, .. } = self;
        f.debug_struct("RunOptions")
            .field("threads", threads)
            .field("seed", seed)
            .field("resume", resume)
            .field("from", from)
            .finish_non_exhaustive()
    }
}

/// Follows a run.
pub trait Progress {
    /// After each step.
    fn step(&self, report: &StepReport);

    /// After each evaluation.
    fn evaluated(&self, report: &EvaluationReport);

    /// More measures of the model at an evaluation, e.g. on a held-out part that the trainer does not know; they are logged with the
    /// trainer's own under their names.
    fn measure(&self, _checkpoint: &Checkpoint) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    /// Whether [`Self::measure`] is to be called (it costs a copy of the model).
    fn measures(&self) -> bool {
        false
    }
}

/// Nobody follows.
impl Progress for () {
    fn step(&self, _: &StepReport) {}
    fn evaluated(&self, _: &EvaluationReport) {}
}

/// A step that was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Steps done.
    pub step: u64,
    /// Steps of the run.
    pub steps: u64,
    /// The epoch, from 1.
    pub epoch: u32,
    /// Mean loss of the last steps.
    pub loss: f64,
    /// Candidates (retrieval: positives) a second since the run began.
    pub examples_per_second: f64,
    /// Seconds to the end at this pace, evaluations not counted.
    pub eta_seconds: f64,
}

/// An evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationReport {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Steps done.
    pub step: u64,
    /// The measures by name.
    pub metrics: BTreeMap<String, f64>,
    /// Whether it is the best so far.
    pub best: bool,
}

/// A run that ended or was stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The measures of the best evaluation; of none, empty.
    pub best: BTreeMap<String, f64>,
    /// Epochs begun.
    pub epochs: u32,
    /// Steps done, those before a resumption included.
    pub steps: u64,
    /// Candidates (retrieval: positives) a second.
    pub examples_per_second: f64,
    /// Seconds, evaluations included, since the run was begun or resumed.
    pub seconds: f64,
    /// Values learned, tables included.
    pub parameters: u64,
    /// Steps left out because their loss or gradient was not finite.
    pub skipped_steps: u64,
    /// Whether [`RunOptions::stop`] ended it.
    pub stopped: bool,
    /// The best model; without a validation part, the last.
    pub checkpoint: PathBuf,
}

/// Trains the ranker on `data` in the folder `run`.
pub fn train_ranker(
    data: &TrainingData,
    recipe: &Recipe,
    action_set: &ActionSet,
    run: &Path,
    options: &RunOptions<'_>,
) -> Result<Outcome, TrainError> {
    let recipe = checked(data, recipe, action_set)?;
    let heads = recipe.heads.as_ref().ok_or_else(|| wrong_model("heads", "the ranker"))?;
    run::run(data, &recipe, action_set, &RankerObjective::new(data, action_set, &recipe, heads), run, options)
}

/// Trains retrieval on `data` in the folder `run`.
pub fn train_retrieval(
    data: &TrainingData,
    recipe: &Recipe,
    action_set: &ActionSet,
    run: &Path,
    options: &RunOptions<'_>,
) -> Result<Outcome, TrainError> {
    let recipe = checked(data, recipe, action_set)?;
    let sampling = recipe.sampling.as_ref().ok_or_else(|| wrong_model("sampling", "retrieval"))?;
    let objective = RetrievalObjective::new(data, action_set, &recipe, sampling)?;
    run::run(data, &recipe, action_set, &objective, run, options)
}

/// How many events of the log the run in a folder read, for [`crate::data::DataOptions::events`]: to be resumed, it must be given
/// the same data, and the log may have grown since. `None` without a run.
pub fn events_of_run(run: &Path) -> Result<Option<u64>, TrainError> {
    folder::RunFolder::events(run)
}

/// Checks the files of the run in a folder against the checksums that they were written with. A run that is still being written passes.
pub fn check_run(run: &Path) -> Result<(), TrainError> {
    folder::RunFolder::check(run)
}

/// The recipe for this data, its values in range.
fn checked(data: &TrainingData, recipe: &Recipe, action_set: &ActionSet) -> Result<Recipe, TrainError> {
    if let Some(problem) = action_set.problem() {
        return Err(TrainError::ActionSet(problem));
    }
    let mut recipe = recipe.clone();
    recipe.model.num_actions = action_set.len();
    recipe.check()?;
    let longest = recipe.model.longest_history();
    if data.train.iter().all(|pass| pass.candidates.is_empty()) {
        return Err(TrainError::Empty("no post was shown in the training part"));
    }
    if data.train.iter().chain(&data.validation).any(|pass| pass.history.len() > longest) {
        let problem = format!("the data has longer histories than its window of {longest} tokens");
        return Err(RecipeError::Value { key: "model.history_seq_len".to_owned(), problem }.into());
    }
    Ok(recipe)
}

fn wrong_model(key: &str, model: &str) -> RecipeError {
    RecipeError::Value { key: key.to_owned(), problem: format!("is missing: this recipe is not for {model}") }
}
