//! Model versions on the held-out slates of a synthetic world, compared with random, popularity, recency, the informed ceiling and the
//! oracle.

mod held_out;
mod ranking;
mod report;
mod retrieval;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use datasets::world::read_manifest;
use event_log::EventLog;
use foryou_types::{ActionSet, Profile, TimeMs};
use model_registry::{Registry, action_difference};
use phoenix::{Checkpoint, ModelKind};

use crate::{ExperimentError, Watcher};

pub use self::ranking::{BucketCell, HeadRow, RankerRow};
pub use self::report::{ModelMetrics, WorldEvaluation};
pub use self::retrieval::RetrievalRow;

/// A world's log with its truth, and the versions that learned from it.
pub struct World<'a> {
    /// The events, held-out part included.
    pub log: Arc<dyn EventLog>,
    /// What the data is.
    pub profile: &'a Profile,
    /// The folder of the world's manifest and held-out slates.
    pub truth: &'a Path,
    /// The versions.
    pub registry: &'a Registry,
    /// Seed of the random ranker and of the intervals.
    pub seed: u64,
    /// Told how it goes on.
    pub watcher: &'a dyn Watcher,
}

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
        let (rankers, retrievals) = load(self.registry, versions)?;
        for (name, checkpoint) in rankers.iter().chain(&retrievals) {
            check(name, checkpoint, &self.profile.action_set, manifest.cut)?;
        }
        // Versions may have histories of different lengths; each gets its own.
        let lengths = rankers.iter().chain(&retrievals).map(|(_, model)| model.config.model.history_seq_len).collect();
        let held_out = held_out::HeldOut::read(self, &manifest, lengths)?;
        let ranking = ranking::evaluate(&held_out, &rankers, &manifest, self.seed)?;
        let retrieval = retrieval::evaluate(&held_out, &retrievals, self.seed)?;
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

/// Refuses a version that learned from the held-out part or predicts other actions.
fn check(name: &str, checkpoint: &Checkpoint, actions: &ActionSet, cut: TimeMs) -> Result<(), ExperimentError> {
    if checkpoint.config.trained_until.is_none_or(|until| until > cut) {
        return Err(ExperimentError::Unfit(format!(
            "{name} learned from events after {cut}, where the held-out slates begin: train it again"
        )));
    }
    if let Some(difference) = action_difference(&checkpoint.config.action_set, actions) {
        return Err(ExperimentError::Unfit(format!(
            "{name} was trained for other actions than those of the folder's profile: {difference}"
        )));
    }
    Ok(())
}

/// A version's name and model.
type Named = (String, Checkpoint);

/// The checkpoints of versions, by kind.
fn load(registry: &Registry, versions: &[String]) -> Result<(Vec<Named>, Vec<Named>), ExperimentError> {
    let known = registry.list()?;
    let wanted: Vec<String> = if versions.is_empty() {
        known.iter().filter(|v| v.promoted).map(|v| v.name.clone()).collect()
    } else {
        versions.to_vec()
    };
    if wanted.is_empty() {
        return Err(ExperimentError::Unfit(
            "no version serves: train one with `foryou train ranker` or `foryou train retrieval`".to_owned(),
        ));
    }
    let mut by_kind = (Vec::new(), Vec::new());
    for name in wanted {
        let version = registry.version(&name).map_err(|e| ExperimentError::Usage(e.to_string()))?;
        let checkpoint = Checkpoint::load(&version.folder)?;
        match checkpoint.config.kind {
            ModelKind::Ranker => by_kind.0.push((name, checkpoint)),
            ModelKind::Retrieval => by_kind.1.push((name, checkpoint)),
        }
    }
    Ok(by_kind)
}
