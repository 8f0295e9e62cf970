//! Why an experiment ended.

use std::error::Error;

use datasets::world::WorldError;
use evaluation::TableError;
use model_registry::{CheckpointError, RegistryError};
use phoenix_train::DataError;
use train_core::TrainError;

/// Why an experiment ended without a report.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// An option or a name cannot be used; options are named as the command line names them.
    #[error("{0}")]
    Usage(String),
    /// The data does not allow the experiment.
    #[error("{0}")]
    Unfit(String),
    /// It was asked to stop.
    #[error("stopped; the same command continues from the last refresh")]
    Stopped,
    /// A step failed.
    #[error("{step}")]
    Step {
        /// What was being done.
        step: String,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A world's files cannot be read.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The log cannot be read as training data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A version or checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The registry of versions cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// An outcome does not fit the table.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Names the step that failed.
pub(crate) trait During<T> {
    /// The error as that of a step.
    fn during(self, step: impl FnOnce() -> String) -> Result<T, ExperimentError>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> During<T> for Result<T, E> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T, ExperimentError> {
        self.map_err(|error| ExperimentError::Step { step: step(), source: error.into() })
    }
}
