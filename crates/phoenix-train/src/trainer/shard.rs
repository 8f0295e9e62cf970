//! What both objectives' shards need.

use burn_tensor::Tensor;
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

/// The values of a tensor, row-major.
pub(crate) fn read<const R: usize>(tensor: Tensor<R>) -> Result<Vec<f32>, TrainError> {
    tensor.try_into_vec_as::<f32>().map_err(|e| TrainError::Machine(format!("reading a tensor back: {e:?}")))
}
