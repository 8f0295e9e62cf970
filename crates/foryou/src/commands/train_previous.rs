//! The version that serves, which `foryou train` compares a new one with.

use model_registry::{Family, Manifest, Registry};
use phoenix::{Checkpoint, ModelKind, Phoenix};
use phoenix_train::Previous;

/// The serving version, to compare a new one with, or a note for the judgement where it is of another family. Neither if no version
/// serves, or if it is damaged: nothing can be said of that one.
pub(super) fn previous(registry: &Registry, kind: ModelKind) -> anyhow::Result<(Option<Previous>, Option<String>)> {
    let Some(version) = registry.promoted(&kind.into())? else { return Ok((None, None)) };
    if let Ok(Manifest { family, .. }) = Manifest::read(&version.folder)
        && family != Phoenix.name()
    {
        let note = format!("not compared with {}, which serves: it is of the family {family:?}", version.name);
        return Ok((None, Some(note)));
    }
    let checkpoint = match Checkpoint::load(&version.folder) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            tracing::warn!(version = version.name, %error, "the serving version cannot be loaded, so the new one is not compared with it");
            return Ok((None, None));
        }
    };
    let held_out_from = registry.gate(&version.name)?.and_then(|gate| gate.held_out_from);
    Ok((Some(Previous { name: version.name, checkpoint, held_out_from }), None))
}

#[cfg(test)]
mod tests {
    use foryou_types::TimeMs;
    use phoenix::testing::small;

    use super::*;
    use crate::models::registry;

    #[test]
    fn a_version_of_another_family_is_noted_and_a_damaged_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path()).unwrap();
        let found = || previous(&registry, ModelKind::Ranker).unwrap();
        assert!(matches!(found(), (None, None)));

        let name = registry.add_and_promote(&small(ModelKind::Ranker), None, TimeMs(1)).unwrap();
        let (previous, note) = found();
        assert_eq!((previous.unwrap().name, note), (name.clone(), None));

        let version = registry.promoted(&ModelKind::Ranker.into()).unwrap().unwrap();
        let manifest = version.folder.join("config.json");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let mut foreign: serde_json::Value = serde_json::from_str(&text).unwrap();
        foreign["family"] = "trees".into();
        std::fs::write(&manifest, foreign.to_string()).unwrap();
        let (previous, note) = found();
        assert!(previous.is_none());
        assert_eq!(note.unwrap(), format!("not compared with {name}, which serves: it is of the family \"trees\""));

        std::fs::write(&manifest, "{").unwrap();
        assert!(matches!(found(), (None, None)));
    }
}
