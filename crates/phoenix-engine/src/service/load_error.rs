//! Why a model does not serve.

use model_registry::{CheckpointError, Kind, RegistryError};
use thiserror::Error;

use crate::served::NotServed;

/// A version that was not loaded. What served before serves on.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The registry cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The checkpoint cannot be read: its manifest, or a file that was changed or is missing.
    #[error("{version}: {source}")]
    Checkpoint {
        /// The version.
        version: String,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// Its family cannot make it ready.
    #[error("{version}: {source}")]
    Model {
        /// The version.
        version: String,
        /// Why not.
        source: NotServed,
    },
    /// No family that can serve has that name.
    #[error("{version} is of the family {family:?}, which this program cannot serve")]
    Family {
        /// The version.
        version: String,
        /// Its family.
        family: String,
    },
    /// The checkpoint is of another kind.
    #[error("{version} is a {is} model, not a {wanted} model")]
    Kind {
        /// The version.
        version: String,
        /// What it is.
        is: Kind,
        /// What it should be.
        wanted: Kind,
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
