//! What both objectives' shards need.

use train_core::{NotFinite, TrainError};

use crate::model::DenseError;

/// Why a shard has no gradients.
pub(crate) enum ShardError {
    NotFinite(NotFinite),
    Failed(TrainError),
}

impl From<NotFinite> for ShardError {
    fn from(what: NotFinite) -> Self {
        Self::NotFinite(what)
    }
}

impl From<TrainError> for ShardError {
    fn from(error: TrainError) -> Self {
        Self::Failed(error)
    }
}

impl From<DenseError> for ShardError {
    fn from(error: DenseError) -> Self {
        Self::Failed(error.into())
    }
}
