//! Trains the Phoenix models.
//!
//! Start with [`train`]: [`TrainingData`] is what a log teaches, a [`Recipe`] holds every setting, [`judge`] says whether what was trained
//! may serve. Inside, `data` makes passes of the log, a step's rows come out of the `tables`, go through the `model`, and its gradients
//! come back to the tables and to the dense tensors (`trainer`). The loop around it, its folder and its files are those of
//! [`train_core`].
//!
//! Invariants:
//! * No gradient has the shape of a table.
//! * Data, recipe, seed and number of threads determine a run bit by bit, even if it is resumed.
//! * Training sees what serving would show: the data's windows, the model's positions, the shared input functions.

mod data;
mod model;
#[cfg(all(test, feature = "burn"))]
mod oracle;
mod recipe;
mod tables;
mod trainer;

pub use data::{
    DataError, DataOptions, Empty, EvalSlate, Observer, TrainingData, is_positive, positive_actions, slates_after,
};
pub use model::{CheckError, DenseError, check};
pub use recipe::{
    DataRecipe, DataSize, DenseRecipe, HeadRecipe, HeadWeights, Recipe, RecipeError, RecipeKey, RecipeSection,
    SamplingRecipe, StartRecipe, TableRecipe,
};
pub use trainer::{Previous, judge, train};
