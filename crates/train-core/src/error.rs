//! Why a training failed.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use model_registry::CheckpointError;
use thiserror::Error as ThisError;

/// A training that failed.
#[derive(Debug, ThisError)]
pub enum TrainError {
    /// What the objective says: its recipe, its data, its model.
    #[error(transparent)]
    Objective(Box<dyn Error + Send + Sync>),
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
    /// The curves cannot be drawn.
    #[error("{}: {problem}", .path.display())]
    Curves {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No threads, or a value that could not be read back.
    #[error("the machine: {0}")]
    Machine(String),
}

impl TrainError {
    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }
}
