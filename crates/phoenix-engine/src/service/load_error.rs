//! Why a model does not serve.

use foryou_types::ActionSet;
use phoenix::{Checkpoint, CheckpointError, ModelKind, RegistryError};
use thiserror::Error;

use crate::EngineError;

/// A version that was not loaded. What served before serves on.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The registry cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The checkpoint cannot be read: files missing or truncated, tensors missing, of another shape or not finite.
    #[error("{version}: {source}")]
    Checkpoint {
        /// The version.
        version: String,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The engine cannot compute the model.
    #[error("{version}: {source}")]
    Engine {
        /// The version.
        version: String,
        /// Why not.
        source: EngineError,
    },
    /// The checkpoint is of the other model.
    #[error("{version} is a {} model, not a {} model", .is.name(), .wanted.name())]
    Kind {
        /// The version.
        version: String,
        /// What it is.
        is: ModelKind,
        /// What it should be.
        wanted: ModelKind,
    },
    /// The model was trained for other actions than the data's: its heads would be read as something else.
    #[error("{version} was trained for other actions than this data has: {difference}")]
    ActionSet {
        /// The version.
        version: String,
        /// The first difference.
        difference: String,
    },
}

impl LoadError {
    pub(super) fn engine(version: &str) -> impl FnOnce(EngineError) -> Self {
        |source| Self::Engine { version: version.to_owned(), source }
    }
}

/// Whether a checkpoint is of the wanted kind and was trained for the actions of the data, in their order.
pub(super) fn check(
    version: &str,
    checkpoint: &Checkpoint,
    wanted: ModelKind,
    data: &ActionSet,
) -> Result<(), LoadError> {
    let config = &checkpoint.config;
    if config.kind != wanted {
        return Err(LoadError::Kind { version: version.to_owned(), is: config.kind, wanted });
    }
    match config.action_difference(data) {
        None => Ok(()),
        Some(difference) => Err(LoadError::ActionSet { version: version.to_owned(), difference }),
    }
}
