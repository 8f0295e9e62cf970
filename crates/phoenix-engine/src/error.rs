//! Errors of a model.

use foryou_types::ConfigError;
use model_registry::CheckpointError;
use phoenix::ModelKind;
use thiserror::Error;

/// A model that cannot be served, or a reference file that cannot be used.
#[derive(Debug, Error)]
pub enum EngineError {
    /// A ranker where a retrieval model is needed, or the other way round.
    #[error("the checkpoint is a {} model, a {} model is needed", .found.name(), .needed.name())]
    WrongKind {
        /// What was asked for.
        needed: ModelKind,
        /// What the checkpoint says.
        found: ModelKind,
    },
    /// A size or switch out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The heads are not those of the action set.
    #[error("the model has {heads} heads, its action set {actions} actions")]
    Actions {
        /// Heads of the model.
        heads: usize,
        /// Actions of the set.
        actions: usize,
    },
    /// A tensor or table that is missing, of another shape, or not finite.
    #[error("tensor {tensor}: {problem}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// A reference file that cannot be used.
    #[error(transparent)]
    Golden(#[from] CheckpointError),
}

/// An error if a value is not finite.
pub(crate) fn finite(name: &str, values: &[f32]) -> Result<(), EngineError> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(i) => Err(EngineError::Tensor { tensor: name.to_owned(), problem: format!("value {i} is {}", values[i]) }),
        None => Ok(()),
    }
}
