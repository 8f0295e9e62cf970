//! What serving asks of a family of models.

use model_registry::{Family, Manifest, ModelFiles};

use super::any_ranker::AnyRanker;
use super::retrieval::ServedRetrieval;

/// Why a version could not be made ready to serve.
pub type NotServed = Box<dyn std::error::Error + Send + Sync>;

/// A family whose models can serve.
pub trait ServedFamily: Family {
    /// Reads a ranker and makes it ready, with a cache of contexts of up to `cache_mb` megabytes, see [`AnyRanker::new`].
    fn ranker(&self, files: &ModelFiles, cache_mb: u64) -> Result<AnyRanker, NotServed>;

    /// Reads a retrieval model and makes it ready.
    fn retrieval(&self, files: &ModelFiles) -> Result<Box<dyn ServedRetrieval>, NotServed>;
}

/// The families that can serve, filled where the program is put together.
pub type ServedFamilies = &'static [&'static dyn ServedFamily];

/// The family that a manifest names; `None` if it is not one of these.
pub fn family_of(families: ServedFamilies, manifest: &Manifest) -> Option<&'static dyn ServedFamily> {
    families.iter().copied().find(|family| family.name() == manifest.family)
}
