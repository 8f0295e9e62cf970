//! What there is to say about the versions, and whether their files are what they were.

use std::fs;
use std::path::{Path, PathBuf};

use foryou_types::TimeMs;

use super::state::{self, version_name};
use super::{LOCK, Registry, RegistryError, STATE, VersionInfo, at, counted};
use crate::actions::action_difference;
use crate::checkpoint::{Manifest, ModelFiles, sum_of_manifest};
use crate::kind::Kind;

impl Registry {
    /// All versions, by kind and then oldest first; a promoted one whose folder is gone is among them.
    pub fn list(&self) -> Result<Vec<VersionInfo>, RegistryError> {
        let state = self.state()?;
        let mut all = Vec::new();
        for kind in &self.kinds(&state)? {
            let of_kind = state.of(kind);
            let challenger = of_kind.challenger.as_ref();
            let serving = of_kind.champion().into_iter().chain(challenger.map(|c| c.name.as_str()));
            let mut numbers = self.numbers(kind)?;
            numbers.extend(serving.filter_map(state::parse_name).map(|(_, number)| number));
            numbers.sort_unstable();
            numbers.dedup();
            for number in numbers {
                let name = version_name(kind, number);
                let promoted = of_kind.champion() == Some(&name);
                let shared = challenger.map_or(0.0, |c| c.share);
                let is_challenger = challenger.is_some_and(|c| c.name == name);
                let share = if promoted {
                    1.0 - shared
                } else if is_challenger {
                    shared
                } else {
                    0.0
                };
                let folder = self.folder(kind, number);
                let created_at = of_kind.created.get(&name).copied().unwrap_or_else(|| modified(&folder));
                let manifest = Manifest::read(&folder);
                let problem = match &manifest {
                    Ok(manifest) => self.problem(kind, manifest).or_else(|| missing_file(&folder, manifest)),
                    Err(e) => Some(e.to_string()),
                };
                let parameters = manifest.as_ref().ok().and_then(|it| ModelFiles::count(&folder, it).ok());
                let metrics = manifest.map(|manifest| manifest.metrics).unwrap_or_default();
                let gate = of_kind.gates.get(&name).cloned();
                let kind = kind.clone();
                all.push(VersionInfo { name, kind, created_at, promoted, share, metrics, parameters, gate, problem });
            }
        }
        Ok(all)
    }

    /// Holds every file of a version against the checksums it was registered with, and the version against the registry. A version
    /// registered before there were checksums passes.
    pub fn verify(&self, name: &str) -> Result<(), RegistryError> {
        let (kind, version) = self.find(name)?;
        let refused = |source| RegistryError::Checkpoint { name: name.to_owned(), source };
        ModelFiles::verify(&version.folder).map_err(refused)?;
        self.check(&version)?;
        let state = self.state()?;
        let of_kind = state.of(&kind);
        let broken = |path: PathBuf, problem: String| Err(RegistryError::Broken { path, problem });
        if !of_kind.created.contains_key(name) {
            let problem = format!("does not know {name}, whose folder is there: it is an older copy, or was deleted");
            return broken(self.root.join(STATE), problem);
        }
        let wanted = of_kind.manifests.get(name);
        let found = at(&version.folder, sum_of_manifest(&version.folder))?;
        if wanted.is_some() && wanted != found.as_ref() {
            let problem = "it is not the manifest that the version was registered with".to_owned();
            return broken(version.folder.join("manifest.json"), problem);
        }
        Ok(())
    }

    /// Whether `registry.json` is the last one that was written. An older copy of it lets other versions serve.
    pub fn check_newest(&self) -> Result<(), RegistryError> {
        let lock = self.root.join(LOCK);
        // In this order: the file must hold every change that was counted before it was read.
        let made = at(&lock, counted::made(&lock))?;
        let held = self.state()?.changes;
        if held >= made {
            return Ok(());
        }
        let problem = format!(
            "{made} changes were made, but it holds {held}: it is an older copy, or was deleted; promote the versions that should \
             serve"
        );
        Err(RegistryError::Broken { path: self.root.join(STATE), problem })
    }

    /// What is wrong with a version by its manifest alone.
    fn problem(&self, kind: &Kind, manifest: &Manifest) -> Option<String> {
        if manifest.kind != *kind {
            return Some(format!("is a {} model", manifest.kind));
        }
        let Ok(family) = self.family("", &manifest.family) else {
            return Some(format!("is of the family {:?}, which this program does not know", manifest.family));
        };
        family.problem(manifest).or_else(|| {
            let difference = action_difference(&manifest.action_set, self.action_set.as_ref()?)?;
            Some(format!("was trained for other actions than this data has: {difference}"))
        })
    }
}

/// The problem of a missing tensor file.
fn missing_file(folder: &Path, manifest: &Manifest) -> Option<String> {
    let mut paths = manifest.files.iter().map(|file| folder.join(format!("{file}.safetensors")));
    paths.find(|path| !path.is_file()).map(|path| format!("{}: is missing", path.display()))
}

/// When a version was last written, for one whose registration was interrupted before it was recorded.
fn modified(folder: &Path) -> TimeMs {
    let since_epoch = fs::metadata(folder)
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    TimeMs(since_epoch.map_or(0, |d| d.as_millis() as i64))
}
