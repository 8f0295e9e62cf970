//! What serving asks of a family of models.

use model_registry::{Family, Manifest, ModelFiles};

use super::any_ranker::AnyRanker;
use super::retrieval::ServedRetrieval;
use crate::matrix::Precision;

/// Why a version could not be made ready to serve.
pub type NotServed = Box<dyn std::error::Error + Send + Sync>;

/// How a ranker is made ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RankerOptions {
    /// Most megabytes for contexts of its viewers, see [`AnyRanker::new`].
    pub cache_mb: u64,
    /// What its products are computed in, if the family has a choice.
    pub precision: Precision,
}

/// A family whose models can serve.
pub trait ServedFamily: Family {
    /// Reads a ranker and makes it ready.
    fn ranker(&self, files: &ModelFiles, how: RankerOptions) -> Result<AnyRanker, NotServed>;

    /// Reads a retrieval model and makes it ready.
    fn retrieval(&self, files: &ModelFiles) -> Result<Box<dyn ServedRetrieval>, NotServed>;
}

/// The families that can serve, filled where the program is put together.
pub type ServedFamilies = &'static [&'static dyn ServedFamily];

/// The family that a manifest names; `None` if it is not one of these.
pub fn family_of(families: ServedFamilies, manifest: &Manifest) -> Option<&'static dyn ServedFamily> {
    families.iter().copied().find(|family| family.name() == manifest.family)
}
