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

mod change;
mod counted;
mod error;
mod gate;
mod look;
mod routing;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use foryou_io::replace_file;
use foryou_types::{ActionSet, TimeMs, UserId};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::{Manifest, ModelFiles};
use crate::family::{Families, Family};
use crate::kind::Kind;

pub use error::RegistryError;
pub use gate::Gate;
pub use routing::{Routing, Version};
use state::{State, version_name};

const LOCK: &str = "lock";
const STATE: &str = "registry.json";

/// The versions of models in a folder.
#[derive(Clone, Debug)]
pub struct Registry {
    root: PathBuf,
    families: Families,
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
    pub kind: Kind,
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
    /// The registry in a folder (`models`), which is made at the first change. A broken `registry.json` is refused at once. A version
    /// of a family that is not among `families` is not promoted.
    pub fn open(root: &Path, families: Families) -> Result<Self, RegistryError> {
        let registry = Self { root: root.to_owned(), families, action_set: None, ignores_gates: false };
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

    /// The promoted version of a kind.
    pub fn promoted(&self, kind: &Kind) -> Result<Option<Version>, RegistryError> {
        Ok(self.routing(kind)?.champion)
    }

    /// The version for each person: read once, kept until [`Self::stamp`] changes, used for every request.
    pub fn routing(&self, kind: &Kind) -> Result<Routing, RegistryError> {
        let state = self.state()?;
        let of_kind = state.of(kind);
        let version = |name: &str| {
            let (_, number) = state::parse_name(name)?;
            Some(Version { name: name.to_owned(), folder: self.folder(kind, number) })
        };
        let challenger = of_kind.challenger.as_ref().and_then(|c| Some((version(&c.name)?, c.share)));
        Ok(Routing { kind: kind.clone(), champion: of_kind.champion().and_then(version), challenger })
    }

    /// The version that serves a user; `None` if none is promoted. Reads the registry: for many users take [`Self::routing`].
    pub fn route(&self, kind: &Kind, user: UserId) -> Result<Option<Version>, RegistryError> {
        Ok(self.routing(kind)?.route(user).cloned())
    }

    /// A version by its name, served or not.
    pub fn version(&self, name: &str) -> Result<Version, RegistryError> {
        self.find(name).map(|(_, version)| version)
    }

    /// How a version was judged; `None` for one that was not.
    pub fn gate(&self, name: &str) -> Result<Option<Gate>, RegistryError> {
        let state = self.state()?;
        Ok(state::parse_name(name).and_then(|(kind, _)| state.of(&kind).gates.get(name).cloned()))
    }

    /// A number that changes with `registry.json`, cheap enough to be asked for every second.
    pub fn stamp(&self) -> Result<u64, RegistryError> {
        Ok(self.state_text()?.map_or(0, |text| xxh3_64(&text)))
    }

    /// A version with its kind.
    fn find(&self, name: &str) -> Result<(Kind, Version), RegistryError> {
        if let Some((kind, number)) = state::parse_name(name) {
            let folder = self.folder(&kind, number);
            if folder.is_dir() {
                return Ok((kind, Version { name: name.to_owned(), folder }));
            }
        }
        Err(RegistryError::Unknown { name: name.to_owned(), known: self.names()? })
    }

    /// The family of that name, which a version has.
    fn family(&self, version: &str, name: &str) -> Result<&'static dyn Family, RegistryError> {
        let known = self.families.iter().copied().find(|family| family.name() == name);
        known.ok_or_else(|| RegistryError::Family { name: version.to_owned(), family: name.to_owned() })
    }

    /// Reads a version whole, as its family does.
    fn check(&self, version: &Version) -> Result<Manifest, RegistryError> {
        let refused = |source| RegistryError::Checkpoint { name: version.name.clone(), source };
        let files = ModelFiles::open(&version.folder).map_err(refused)?;
        self.family(&version.name, &files.manifest().family)?.check(&files).map_err(refused)?;
        Ok(files.manifest().clone())
    }

    /// The kinds that have versions, or had some.
    fn kinds(&self, state: &State) -> Result<BTreeSet<Kind>, RegistryError> {
        let mut kinds: BTreeSet<Kind> = state.kinds().cloned().collect();
        let entries = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(kinds),
            entries => at(&self.root, entries)?,
        };
        for entry in entries {
            let entry = at(&self.root, entry)?;
            let kind = entry.file_name().to_str().and_then(|name| Kind::new(name).ok());
            kinds.extend(kind.filter(|_| entry.path().is_dir()));
        }
        Ok(kinds)
    }

    fn names(&self) -> Result<Vec<String>, RegistryError> {
        let mut names = Vec::new();
        for kind in self.kinds(&self.state()?)? {
            names.extend(self.numbers(&kind)?.into_iter().map(|number| version_name(&kind, number)));
        }
        Ok(names)
    }

    /// The numbers of the folders there are, ascending.
    fn numbers(&self, kind: &Kind) -> Result<Vec<u32>, RegistryError> {
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

    fn folder(&self, kind: &Kind, number: u32) -> PathBuf {
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
        let changes = state.changes.max(at(&lock_path, counted::made(&lock_path))?) + 1;
        at(&path, state.written(changes).and_then(|text| replace_file(&path, &text)))?;
        at(&lock_path, counted::note(lock, changes))
    }
}

fn at<T>(path: &Path, done: io::Result<T>) -> Result<T, RegistryError> {
    done.map_err(|source| RegistryError::Io { path: path.to_owned(), source })
}
