//! The Phoenix family among those that can serve.

use model_registry::ModelFiles;
use phoenix::{Checkpoint, Phoenix};

use crate::ranker::Ranker;
use crate::retrieval::RetrievalModel;
use crate::served::{NotServed, ServedFamily, ServedRetrieval};
use crate::service::{AnyRanker, ServingConfig};

impl ServedFamily for Phoenix {
    fn ranker(&self, files: &ModelFiles, config: &ServingConfig) -> Result<AnyRanker, NotServed> {
        Ok(AnyRanker::new(Ranker::from_owned(Checkpoint::read(files)?)?, config))
    }

    fn retrieval(&self, files: &ModelFiles) -> Result<Box<dyn ServedRetrieval>, NotServed> {
        Ok(Box::new(RetrievalModel::from_owned(Checkpoint::read(files)?)?))
    }
}
