//! Model versions on the held-out slates of a synthetic world, compared with random, popularity, recency, the informed ceiling and the
//! oracle.

mod above;
mod held_out;
mod ranking;
mod report;
mod retrieval;
#[cfg(test)]
mod tests;
mod versions;
mod world;

use std::path::Path;

use datasets::world::read_manifest;
use foryou_types::TimeMs;

use self::versions::Versions;
use crate::ExperimentError;

pub use self::ranking::{BucketCell, HeadRow, RankerRow};
pub use self::report::{ModelMetrics, WorldEvaluation};
pub use self::retrieval::RetrievalRow;
pub use self::world::World;

impl World<'_> {
    /// Measures versions; without names, those that serve.
    pub fn evaluate(&self, versions: &[String]) -> Result<WorldEvaluation, ExperimentError> {
        if !holds_truth(self.truth) {
            return Err(ExperimentError::Unfit(format!(
                "{} has no held-out slates: only a synthetic world has them (`foryou import world`, `foryou demo`)",
                self.truth.parent().unwrap_or(self.truth).display()
            )));
        }
        let manifest = read_manifest(self.truth)?;
        let versions = Versions::load(self, versions, manifest.cut)?;
        let held_out = held_out::HeldOut::read(self, &manifest, versions.history_lengths())?;
        let ranking = ranking::evaluate(&held_out, &versions.rankers, &manifest, self.seed);
        let retrieval = retrieval::evaluate(&held_out, &versions.retrievals, self.seed);
        Ok(WorldEvaluation::new(&manifest, &held_out, ranking, retrieval, self.seed))
    }
}

/// Whether a folder has a world's truth.
fn holds_truth(truth: &Path) -> bool {
    truth.join("world.json").is_file()
}

/// The end of the part of a log that may be learned from: `until`, and never inside the held-out part of the world whose truth is
/// in the folder `truth`. Without that folder there is no world.
pub fn learn_until(truth: &Path, until: Option<TimeMs>) -> Result<Option<TimeMs>, ExperimentError> {
    // A truth without the note of where it begins is an error: nothing in it may be learned from.
    if !truth.is_dir() {
        return Ok(until);
    }
    let cut = read_manifest(truth)?.cut;
    Ok(Some(until.map_or(cut, |until| until.min(cut))))
}
