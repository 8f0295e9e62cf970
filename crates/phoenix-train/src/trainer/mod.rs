//! Trains the Phoenix models: their objectives for the loop of [`train_core`], where they start, and whether they may serve.
//!
//! [`train`] is the door, [`judge`] says whether what came out of it may serve. The two models differ in their `Loss`.
//!
//! Invariants:
//! * A run is fixed by data, recipe, seed and number of threads: a resumed one ends in the same bits as one that never stopped.
//! * Gradients are summed in the order of the shards, whichever thread is first.
//! * A run that continues from a checkpoint is fixed by that too.

mod assemble;
mod error;
mod heads;
mod judge;
mod loss;
mod measure;
mod model;
mod objective;
mod pool;
mod ranker;
mod recall;
mod retrieval;
mod shard;
mod softmax;
mod start;
#[cfg(test)]
mod tests;
mod text_start;
mod trained;
mod warm_start;
mod weighted;
mod workspace;

use std::path::Path;

use foryou_types::ActionSet;
use phoenix::ModelKind;
use train_core::{Outcome, RunOptions, TrainError};

pub use judge::{Previous, judge};

use crate::data::TrainingData;
use crate::recipe::{Recipe, RecipeError};
use loss::Loss;
use objective::PhoenixObjective;
use ranker::RankerLoss;
use retrieval::RetrievalLoss;

/// Trains a model on `data` in the folder `run`.
///
/// A run that starts from a checkpoint ([`RunOptions::from`]) takes over its tensors and tables, and where it has them the states of the
/// optimisers. Another model or action set is refused; weights of actions may differ.
pub fn train(
    kind: ModelKind,
    data: &TrainingData,
    recipe: &Recipe,
    action_set: &ActionSet,
    run: &Path,
    options: &RunOptions<'_>,
) -> Result<Outcome, TrainError> {
    let recipe = checked(data, recipe, action_set)?;
    let loss = loss_of(kind, data, &recipe, action_set)?;
    train_core::run(&PhoenixObjective { data, recipe: &recipe, action_set, loss: &*loss }, run, options)
}

/// The loss of a model, by a checked recipe.
fn loss_of<'a>(
    kind: ModelKind,
    data: &'a TrainingData,
    recipe: &'a Recipe,
    action_set: &'a ActionSet,
) -> Result<Box<dyn Loss + 'a>, TrainError> {
    Ok(match kind {
        ModelKind::Ranker => {
            let heads = recipe.heads.as_ref().ok_or_else(|| wrong_model("heads", "the ranker"))?;
            Box::new(RankerLoss::new(data, action_set, recipe, heads))
        }
        ModelKind::Retrieval => {
            let sampling = recipe.sampling.as_ref().ok_or_else(|| wrong_model("sampling", "retrieval"))?;
            Box::new(RetrievalLoss::new(data, action_set, recipe, sampling)?)
        }
    })
}

/// The recipe for this data, its values in range.
fn checked(data: &TrainingData, recipe: &Recipe, action_set: &ActionSet) -> Result<Recipe, TrainError> {
    if let Some(problem) = action_set.problem() {
        return Err(TrainError::Objective(format!("action set: {problem}").into()));
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
