//! Why a training failed.

use std::io;
use std::path::{Path, PathBuf};

use model_registry::CheckpointError;
use thiserror::Error;

use crate::model::DenseError;
use crate::plot::PlotError;
use crate::recipe::RecipeError;

/// A training that failed.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The recipe.
    #[error("recipe: {0}")]
    Recipe(#[from] RecipeError),
    /// The action set is not valid, or not that of the data.
    #[error("action set: {0}")]
    ActionSet(String),
    /// There is nothing to learn from.
    #[error("nothing to learn from: {0}")]
    Empty(&'static str),
    /// The run folder holds another run, or something else.
    #[error("{}: {problem}", .folder.display())]
    Folder {
        /// The run folder.
        folder: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The checkpoint to begin from is of another model, or in the way.
    #[error("{}: cannot start from this checkpoint: {problem}", .folder.display())]
    WarmStart {
        /// The checkpoint.
        folder: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The dense tensors.
    #[error(transparent)]
    Dense(#[from] DenseError),
    /// A file of the run folder.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Too many steps in a row whose loss or gradient was not finite.
    #[error(
        "step {step}: {tensor} is not finite, and neither was the loss of the {skipped} steps before; the run stops"
    )]
    NotFinite {
        /// The last step tried.
        step: u64,
        /// Steps skipped in a row.
        skipped: u32,
        /// The first tensor that is not finite.
        tensor: String,
    },
    /// The curves.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// No threads, or a tensor that could not be read back.
    #[error("the machine: {0}")]
    Machine(String),
}

impl TrainError {
    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }
}
