//! The Phoenix family among those that can serve.

use model_registry::ModelFiles;
use phoenix::{Checkpoint, Phoenix};

use crate::ranker::Ranker;
use crate::retrieval::RetrievalModel;
use crate::served::{AnyRanker, NotServed, RankerOptions, ServedFamily, ServedRetrieval};

impl ServedFamily for Phoenix {
    fn ranker(&self, files: &ModelFiles, how: RankerOptions) -> Result<AnyRanker, NotServed> {
        Ok(AnyRanker::new(Ranker::from_owned(Checkpoint::read(files)?, how.precision)?, how.cache_mb))
    }

    fn retrieval(&self, files: &ModelFiles) -> Result<Box<dyn ServedRetrieval>, NotServed> {
        Ok(Box::new(RetrievalModel::from_owned(Checkpoint::read(files)?)?))
    }
}
