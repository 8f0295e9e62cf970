//! Why a model does not serve.

use foryou_types::ActionSet;
use phoenix::{Checkpoint, CheckpointError, ModelKind, RegistryError};
use thiserror::Error;

use crate::EngineError;

/// A version that was not loaded. What served before serves on.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The registry cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The checkpoint cannot be read: files missing or truncated, tensors missing, of another shape or not finite.
    #[error("{version}: {source}")]
    Checkpoint {
        /// The version.
        version: String,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The engine cannot compute the model.
    #[error("{version}: {source}")]
    Engine {
        /// The version.
        version: String,
        /// Why not.
        source: EngineError,
    },
    /// The checkpoint is of the other model.
    #[error("{version} is a {} model, not a {} model", .is.name(), .wanted.name())]
    Kind {
        /// The version.
        version: String,
        /// What it is.
        is: ModelKind,
        /// What it should be.
        wanted: ModelKind,
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

impl LoadError {
    pub(super) fn engine(version: &str) -> impl FnOnce(EngineError) -> Self {
        |source| Self::Engine { version: version.to_owned(), source }
    }
}

/// Whether a checkpoint is of the wanted kind and was trained for the actions of the data, in their order.
pub(super) fn check(
    version: &str,
    checkpoint: &Checkpoint,
    wanted: ModelKind,
    data: &ActionSet,
) -> Result<(), LoadError> {
    let config = &checkpoint.config;
    if config.kind != wanted {
        return Err(LoadError::Kind { version: version.to_owned(), is: config.kind, wanted });
    }
    match difference(&config.action_set, data) {
        None => Ok(()),
        Some(difference) => Err(LoadError::ActionSet { version: version.to_owned(), difference }),
    }
}

/// The first place where names or kinds differ. Weights may: they are the data's, and no part of the model.
fn difference(model: &ActionSet, data: &ActionSet) -> Option<String> {
    for (i, (m, d)) in model.actions.iter().zip(&data.actions).enumerate() {
        if m.name != d.name {
            return Some(format!("action {i} is {} there and {} here", m.name, d.name));
        }
        if m.kind != d.kind {
            return Some(format!("{} is {:?} there and {:?} here", m.name, m.kind, d.kind));
        }
    }
    (model.len() != data.len()).then(|| format!("it has {} actions, the data has {}", model.len(), data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_sets_are_compared_by_name_kind_and_order() {
        let set = |actions: &[(&str, f64)]| ActionSet::discrete(1, actions);
        let data = set(&[("like", 1.0), ("hide", -5.0)]);
        assert_eq!(difference(&set(&[("like", 7.0), ("hide", 0.0)]), &data), None);
        let swapped = difference(&set(&[("hide", -5.0), ("like", 1.0)]), &data).unwrap();
        assert_eq!(swapped, "action 0 is hide there and like here");
        let shorter = difference(&set(&[("like", 1.0)]), &data).unwrap();
        assert_eq!(shorter, "it has 1 actions, the data has 2");
        let mut continuous = data.clone();
        continuous.actions[1].kind = foryou_types::ActionKind::Continuous;
        assert_eq!(difference(&continuous, &data).unwrap(), "hide is Continuous there and Discrete here");
    }
}
