//! The versions to measure, made ready as for serving.

use std::collections::BTreeSet;

use foryou_types::{ActionSet, TimeMs};
use model_registry::{Manifest, ModelFiles, action_difference};
use phoenix_engine::{AnyRanker, ServedRetrieval, family_of};

use super::world::World;
use crate::ExperimentError;
use crate::ready::Ready;

/// Versions with their names, by what they do.
#[derive(Default)]
pub(crate) struct Versions {
    pub(crate) rankers: Vec<(String, AnyRanker)>,
    pub(crate) retrievals: Vec<(String, Box<dyn ServedRetrieval>)>,
}

impl Versions {
    /// The versions of these names; without names, those that serve. One that learned from events after `cut` or predicts other actions
    /// is refused.
    pub(crate) fn load(world: &World<'_>, names: &[String], cut: TimeMs) -> Result<Self, ExperimentError> {
        let wanted: Vec<String> = if names.is_empty() {
            world.registry.list()?.into_iter().filter(|version| version.promoted).map(|version| version.name).collect()
        } else {
            names.to_vec()
        };
        if wanted.is_empty() {
            return Err(ExperimentError::Unfit(
                "no version serves: train one with `foryou train ranker` or `foryou train retrieval`".to_owned(),
            ));
        }
        let mut versions = Self::default();
        for name in wanted {
            versions.add(world, name, cut)?;
        }
        Ok(versions)
    }

    fn add(&mut self, world: &World<'_>, name: String, cut: TimeMs) -> Result<(), ExperimentError> {
        let version = world.registry.version(&name).map_err(|error| ExperimentError::Usage(error.to_string()))?;
        let files = ModelFiles::open(&version.folder)?;
        let manifest = files.manifest();
        check(&name, manifest, &world.profile.action_set, cut)?;
        let Some(family) = family_of(world.families, manifest) else {
            let family = &manifest.family;
            return Err(ExperimentError::Unfit(format!(
                "{name} is of the family {family:?}, which this program cannot serve"
            )));
        };
        match Ready::of(family, &files, world.precision, &name)? {
            Ready::Ranker(ranker) => self.rankers.push((name, ranker)),
            Ready::Retrieval(retrieval) => self.retrievals.push((name, retrieval)),
        }
        Ok(())
    }

    /// The lengths S of their histories: each version is shown its own.
    pub(crate) fn history_lengths(&self) -> BTreeSet<usize> {
        let rankers = self.rankers.iter().map(|(_, ranker)| ranker.history_len());
        rankers.chain(self.retrievals.iter().map(|(_, model)| model.history_len())).collect()
    }
}

/// Refuses a version that learned from the held-out part or predicts other actions.
fn check(name: &str, manifest: &Manifest, actions: &ActionSet, cut: TimeMs) -> Result<(), ExperimentError> {
    if manifest.trained_until.is_none_or(|until| until > cut) {
        return Err(ExperimentError::Unfit(format!(
            "{name} learned from events after {cut}, where the held-out slates begin: train it again"
        )));
    }
    if let Some(difference) = action_difference(&manifest.action_set, actions) {
        return Err(ExperimentError::Unfit(format!(
            "{name} was trained for other actions than those of the folder's profile: {difference}"
        )));
    }
    Ok(())
}
