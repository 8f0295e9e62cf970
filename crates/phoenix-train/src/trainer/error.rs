//! A recipe's and a model's errors as those of a training.

use train_core::TrainError;

use crate::model::DenseError;
use crate::recipe::RecipeError;

impl From<RecipeError> for TrainError {
    fn from(error: RecipeError) -> Self {
        Self::Objective(format!("recipe: {error}").into())
    }
}

impl From<DenseError> for TrainError {
    fn from(error: DenseError) -> Self {
        Self::Objective(error.into())
    }
}
