//! Versions of models, and which of them serve.
//!
//! ```text
//! models/
//!   registry.json       what serves, and what served before
//!   lock                held while any of this changes; counts the changes
//!   ranker/0001/        a checkpoint; never changed once it has a number
//!   retrieval/0001/
//! ```
//!
//! Any number of processes may register, promote and read at the same time: changes are made one after another under the lock, and
//! `registry.json` is replaced whole, so a reader needs no lock and sees the state before a change or after it.

mod changes;
mod error;
mod gate;
mod routing;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use foryou_types::{ActionSet, TimeMs, UserId};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::{Checkpoint, sum_of_manifest};
use crate::config::ModelKind;
use crate::tensor_file::sync_folder;

pub use error::RegistryError;
pub use gate::Gate;
pub use routing::{Routing, Version};
use state::{Challenger, OfKind, Promotion, State, version_name};

const LOCK: &str = "lock";
const STATE: &str = "registry.json";
const KINDS: [ModelKind; 2] = [ModelKind::Ranker, ModelKind::Retrieval];

/// The versions of models in a folder.
#[derive(Clone, Debug)]
pub struct Registry {
    root: PathBuf,
    /// The data's actions, where they are known: a version for others is not promoted.
    action_set: Option<ActionSet>,
    /// Whether a version is promoted that did not pass its gate.
    ignores_gates: bool,
}

/// What a rollback did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolledBack {
    /// A version that had a share of the users lost it; the promoted one now serves everybody.
    Share {
        /// The version that served a share.
        ended: String,
        /// The version that serves everybody.
        serving: String,
    },
    /// The version promoted before serves again.
    Version {
        /// The version that served.
        ended: String,
        /// The version that serves again.
        serving: String,
    },
}

/// What there is to say about a version.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VersionInfo {
    /// Its name, e.g. `ranker-0001`.
    pub name: String,
    /// Which model.
    pub kind: ModelKind,
    /// When it was registered.
    pub created_at: TimeMs,
    /// Whether it is the promoted one of its kind.
    pub promoted: bool,
    /// The share of users it serves, in `[0, 1]`.
    pub share: f64,
    /// What its trainer measured.
    pub metrics: BTreeMap<String, f64>,
    /// Number of values; `None` if its configuration cannot be read.
    pub parameters: Option<u64>,
    /// How it was judged when it was trained; `None` for one that was not.
    pub gate: Option<Gate>,
    /// What is wrong with its configuration or its files, if anything. The tensors are checked when it is promoted.
    pub problem: Option<String>,
}

impl Registry {
    /// The registry in a folder (`models`), which is made at the first change. A broken `registry.json` is refused at once.
    pub fn open(root: &Path) -> Result<Self, RegistryError> {
        let registry = Self { root: root.to_owned(), action_set: None, ignores_gates: false };
        registry.state()?;
        Ok(registry)
    }

    /// The same registry for data with these actions: a version that was trained for others is not promoted.
    #[must_use]
    pub fn for_actions(self, action_set: &ActionSet) -> Self {
        Self { action_set: Some(action_set.clone()), ..self }
    }

    /// The same registry, promoting versions that did not pass their gates too.
    #[must_use]
    pub fn ignoring_gates(self) -> Self {
        Self { ignores_gates: true, ..self }
    }

    /// Makes a finished checkpoint the next version of its kind by renaming its folder (which must be on the same file system), and
    /// returns its name, e.g. `ranker-0001`. It serves nobody until it is promoted.
    pub fn register(&self, kind: ModelKind, staging: &Path, now: TimeMs) -> Result<String, RegistryError> {
        let name = staging.display().to_string();
        let config = Checkpoint::load_config(staging)
            .map_err(|source| RegistryError::Checkpoint { name: name.clone(), source })?;
        if config.kind != kind {
            return Err(RegistryError::Kind { name, is: config.kind, wanted: kind });
        }
        let lock = self.lock()?;
        self.enter(kind, staging, None, now, &lock)
    }

    /// Saves a model as the next version of its kind, with the judgement on it, and returns its name. One that did not pass its
    /// gate is promoted by [`Self::ignoring_gates`] only.
    pub fn add(&self, checkpoint: &Checkpoint, gate: Option<Gate>, now: TimeMs) -> Result<String, RegistryError> {
        let kind = checkpoint.config.kind;
        // Under the lock: two trainings that end together must not write to one place.
        let lock = self.lock()?;
        let staging = self.root.join(format!(".new-{}", kind.name()));
        checkpoint
            .save(&staging, None)
            .map_err(|source| RegistryError::Checkpoint { name: staging.display().to_string(), source })?;
        self.enter(kind, &staging, gate, now, &lock)
    }

    /// Gives a checkpoint's folder the next number. Only under the lock.
    fn enter(
        &self,
        kind: ModelKind,
        staging: &Path,
        gate: Option<Gate>,
        now: TimeMs,
        lock: &File,
    ) -> Result<String, RegistryError> {
        let mut state = self.state()?;
        let recorded =
            state.of(kind).created.keys().filter_map(|name| state::parse_name(name)).map(|(_, number)| number);
        let number = self.numbers(kind)?.into_iter().chain(recorded).max().unwrap_or(0) + 1;
        let name = version_name(kind, number);
        let folder = self.folder(kind, number);
        let parent = self.root.join(kind.name());
        at(&parent, fs::create_dir_all(&parent))?;
        at(&folder, fs::rename(staging, &folder))?;
        at(&parent, sync_folder(&parent))?;
        let of_kind = state.of_mut(kind);
        of_kind.created.insert(name.clone(), now);
        if let Some(sum) = at(&folder, sum_of_manifest(&folder))? {
            of_kind.manifests.insert(name.clone(), sum);
        }
        of_kind.gates.extend(gate.map(|gate| (name.clone(), gate)));
        self.write(&state, lock)?;
        Ok(name)
    }

    /// Lets a version serve everybody, and ends a split between two. One that does not load, that was trained for other actions
    /// ([`Self::for_actions`]) or that did not pass its gate is refused and changes nothing.
    pub fn promote(&self, name: &str, now: TimeMs) -> Result<(), RegistryError> {
        let kind = self.servable(name)?;
        let lock = self.lock()?;
        let mut state = self.state()?;
        let of_kind = state.of_mut(kind);
        self.admit(of_kind, name)?;
        of_kind.challenger = None;
        // One whose registration was interrupted, or that an older copy of the registry does not know, is known from now on.
        of_kind.created.entry(name.to_owned()).or_insert(now);
        if of_kind.champion() != Some(name) {
            of_kind.history.push(Promotion { name: name.to_owned(), at: now, rolled_back: None });
        }
        self.write(&state, &lock)
    }

    /// Gives a version a share of the users in `[0, 1]`, the promoted one keeps the rest, in place of any other that had one; 0 takes it away.
    /// What [`Self::promote`] refuses is refused here too.
    ///
    /// Who falls into the share is fixed by the user's id: with a growing share nobody changes back.
    pub fn promote_share(&self, name: &str, share: f64) -> Result<(), RegistryError> {
        let refuse = |problem: &str| RegistryError::Share { name: name.to_owned(), problem: problem.to_owned() };
        if !(0.0..=1.0).contains(&share) {
            return Err(refuse("must be between 0 and 1"));
        }
        let kind = self.servable(name)?;
        let lock = self.lock()?;
        let mut state = self.state()?;
        let of_kind = state.of_mut(kind);
        match of_kind.champion() {
            None => return Err(refuse("no version is promoted that could serve the others")),
            Some(champion) if champion == name => return Err(refuse("it is the promoted version already")),
            Some(_) => {}
        }
        if share > 0.0 {
            self.admit(of_kind, name)?;
        }
        of_kind.challenger = (share > 0.0).then(|| Challenger { name: name.to_owned(), share });
        self.write(&state, &lock)
    }

    /// Takes the last change back. While a version serves a share of the users, it ends that and the promoted version stays.
    /// Otherwise the version promoted before serves again; going back again goes further back.
    ///
    /// A version to go back to that does not load, or was trained for other actions, is refused and changes nothing. It served
    /// before, so its gate is not asked.
    pub fn rollback(&self, kind: ModelKind, now: TimeMs) -> Result<RolledBack, RegistryError> {
        let lock = self.lock()?;
        let mut state = self.state()?;
        let of_kind = state.of_mut(kind);
        if let (Some(serving), Some(challenger)) = (of_kind.champion().map(str::to_owned), of_kind.challenger.take()) {
            self.write(&state, &lock)?;
            return Ok(RolledBack::Share { ended: challenger.name, serving });
        }
        let Some((current, previous)) = of_kind.last_two() else {
            return Err(RegistryError::NothingBefore { kind, current: of_kind.champion().map(str::to_owned) });
        };
        let (ended, serving) = (of_kind.history[current].name.clone(), of_kind.history[previous].name.clone());
        self.servable(&serving)?;
        of_kind.history[current].rolled_back = Some(now);
        self.write(&state, &lock)?;
        Ok(RolledBack::Version { ended, serving })
    }

    /// The promoted version of a kind.
    pub fn promoted(&self, kind: ModelKind) -> Result<Option<Version>, RegistryError> {
        Ok(self.routing(kind)?.champion)
    }

    /// The version for each person: read once, kept until [`Self::stamp`] changes, used for every request.
    pub fn routing(&self, kind: ModelKind) -> Result<Routing, RegistryError> {
        let state = self.state()?;
        let of_kind = state.of(kind);
        let version = |name: &str| {
            let (_, number) = state::parse_name(name)?;
            Some(Version { name: name.to_owned(), folder: self.folder(kind, number) })
        };
        let challenger = of_kind.challenger.as_ref().and_then(|c| Some((version(&c.name)?, c.share)));
        Ok(Routing { kind, champion: of_kind.champion().and_then(version), challenger })
    }

    /// The version that serves a user; `None` if none is promoted. Reads the registry: for many users take [`Self::routing`].
    pub fn route(&self, kind: ModelKind, user: UserId) -> Result<Option<Version>, RegistryError> {
        Ok(self.routing(kind)?.route(user).cloned())
    }

    /// A version by its name, served or not.
    pub fn version(&self, name: &str) -> Result<Version, RegistryError> {
        let found = state::parse_name(name).map(|(kind, number)| self.folder(kind, number)).filter(|f| f.is_dir());
        match found {
            Some(folder) => Ok(Version { name: name.to_owned(), folder }),
            None => Err(RegistryError::Unknown { name: name.to_owned(), known: self.names()? }),
        }
    }

    /// How a version was judged; `None` for one that was not.
    pub fn gate(&self, name: &str) -> Result<Option<Gate>, RegistryError> {
        let state = self.state()?;
        Ok(state::parse_name(name).and_then(|(kind, _)| state.of(kind).gates.get(name).cloned()))
    }

    /// All versions, rankers first, oldest first; a promoted one whose folder is gone is among them.
    pub fn list(&self) -> Result<Vec<VersionInfo>, RegistryError> {
        let state = self.state()?;
        let mut all = Vec::new();
        for kind in KINDS {
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
                let (metrics, parameters, problem) = match Checkpoint::load_config(&folder) {
                    Ok(config) => {
                        let parameters = config.parameters();
                        let problem = (config.kind != kind).then(|| format!("is a {} model", config.kind.name()));
                        let other = || {
                            let difference = config.action_difference(self.action_set.as_ref()?)?;
                            Some(format!("was trained for other actions than this data has: {difference}"))
                        };
                        let problem = problem.or_else(other).or_else(|| Checkpoint::missing_file(&folder));
                        (config.metrics, Some(parameters), problem)
                    }
                    Err(e) => (BTreeMap::new(), None, Some(e.to_string())),
                };
                let gate = of_kind.gates.get(&name).cloned();
                all.push(VersionInfo { name, kind, created_at, promoted, share, metrics, parameters, gate, problem });
            }
        }
        Ok(all)
    }

    /// Holds every file of a version against the checksums it was registered with, and the version against the registry. A version
    /// registered before there were checksums passes.
    pub fn verify(&self, name: &str) -> Result<(), RegistryError> {
        let version = self.version(name)?;
        Checkpoint::verify_files(&version.folder)
            .and_then(|()| Checkpoint::load(&version.folder))
            .map_err(|source| RegistryError::Checkpoint { name: name.to_owned(), source })?;
        let Some((kind, _)) = state::parse_name(name) else { return Ok(()) };
        let state = self.state()?;
        let of_kind = state.of(kind);
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
        let made = at(&lock, changes::made(&lock))?;
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

    /// A number that changes with `registry.json`, cheap enough to be asked for every second.
    pub fn stamp(&self) -> Result<u64, RegistryError> {
        Ok(self.state_text()?.map_or(0, |text| xxh3_64(&text)))
    }

    /// Refuses a version that did not pass its gate.
    fn admit(&self, of_kind: &OfKind, name: &str) -> Result<(), RegistryError> {
        match of_kind.gates.get(name) {
            Some(gate) if !gate.passed && !self.ignores_gates => {
                Err(RegistryError::Gate { name: name.to_owned(), reasons: gate.reasons.join("; ") })
            }
            _ => Ok(()),
        }
    }

    /// The kind of a version that is there, loads and predicts the data's actions.
    fn servable(&self, name: &str) -> Result<ModelKind, RegistryError> {
        let found = state::parse_name(name).filter(|&(kind, number)| self.folder(kind, number).is_dir());
        let Some((kind, number)) = found else {
            return Err(RegistryError::Unknown { name: name.to_owned(), known: self.names()? });
        };
        let checkpoint = Checkpoint::load(&self.folder(kind, number))
            .map_err(|source| RegistryError::Checkpoint { name: name.to_owned(), source })?;
        if checkpoint.config.kind != kind {
            return Err(RegistryError::Kind { name: name.to_owned(), is: checkpoint.config.kind, wanted: kind });
        }
        let difference = self.action_set.as_ref().and_then(|data| checkpoint.config.action_difference(data));
        match difference {
            None => Ok(kind),
            Some(difference) => Err(RegistryError::ActionSet { name: name.to_owned(), difference }),
        }
    }

    fn names(&self) -> Result<Vec<String>, RegistryError> {
        let mut names = Vec::new();
        for kind in KINDS {
            names.extend(self.numbers(kind)?.into_iter().map(|number| version_name(kind, number)));
        }
        Ok(names)
    }

    /// The numbers of the folders there are, ascending.
    fn numbers(&self, kind: ModelKind) -> Result<Vec<u32>, RegistryError> {
        let parent = self.root.join(kind.name());
        let entries = match fs::read_dir(&parent) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => at(&parent, entries)?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = at(&parent, entry)?.file_name();
            numbers.extend(name.to_str().and_then(state::parse_number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn folder(&self, kind: ModelKind, number: u32) -> PathBuf {
        self.root.join(kind.name()).join(format!("{number:04}"))
    }

    /// Holds off all other changes, of this and other processes, until the file is dropped.
    fn lock(&self) -> Result<File, RegistryError> {
        at(&self.root, fs::create_dir_all(&self.root))?;
        let path = self.root.join(LOCK);
        let lock = at(&path, OpenOptions::new().write(true).create(true).truncate(false).open(&path))?;
        at(&path, lock.lock())?;
        Ok(lock)
    }

    fn state_text(&self) -> Result<Option<Vec<u8>>, RegistryError> {
        let path = self.root.join(STATE);
        match fs::read(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            text => at(&path, text).map(Some),
        }
    }

    fn state(&self) -> Result<State, RegistryError> {
        let Some(text) = self.state_text()? else { return Ok(State::default()) };
        State::parse(&text).map_err(|problem| RegistryError::Broken { path: self.root.join(STATE), problem })
    }

    fn write(&self, state: &State, lock: &File) -> Result<(), RegistryError> {
        let (path, lock_path) = (self.root.join(STATE), self.root.join(LOCK));
        let changes = state.changes.max(at(&lock_path, changes::made(&lock_path))?) + 1;
        at(&path, state.write(&path, changes))?;
        at(&self.root, sync_folder(&self.root))?;
        at(&lock_path, changes::note(lock, changes))
    }
}

/// When a version was last written, for one whose registration was interrupted before it was recorded.
fn modified(folder: &Path) -> TimeMs {
    let since_epoch = fs::metadata(folder)
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    TimeMs(since_epoch.map_or(0, |d| d.as_millis() as i64))
}

fn at<T>(path: &Path, done: io::Result<T>) -> Result<T, RegistryError> {
    done.map_err(|source| RegistryError::Io { path: path.to_owned(), source })
}
