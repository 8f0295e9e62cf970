//! Why a workload could not be run.

use candidate_pipeline::BuildError;
use phoenix_engine::EngineError;
use thiserror::Error;
use train_core::TrainError;

/// Why a workload could not be run.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The sizes do not make a model, or nothing to measure.
    #[error("{0}")]
    Sizes(String),
    /// The model could not be made ready.
    #[error("making the model ready")]
    Model(#[from] EngineError),
    /// The pipeline is not valid.
    #[error("building the pipeline")]
    Pipeline(#[from] BuildError),
    /// A training failed.
    #[error("training")]
    Training(#[from] TrainError),
    /// No threads could be started.
    #[error("starting threads")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// No runtime could be started.
    #[error("starting a runtime")]
    Runtime(#[source] std::io::Error),
    /// The folder of a training.
    #[error("making a folder for the training")]
    Folder(#[source] std::io::Error),
}
