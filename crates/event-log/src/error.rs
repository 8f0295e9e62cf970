//! What can be wrong with a log.

use std::fmt;
use std::path::PathBuf;

use foryou_io::Holder;
use thiserror::Error;

/// A damaged place of a log, and the events concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment file; for a missing one, the name it would have.
    pub path: PathBuf,
    /// The byte at which the damage begins.
    pub offset: u64,
    /// Bytes up to the next whole batch or the end of the file; 0 if that is unknown or no bytes are damaged.
    pub bytes: u64,
    /// What is wrong there.
    pub problem: String,
    /// The first event concerned.
    pub first_seq: u64,
    /// The first event behind the damage that can be read; `None` if nothing behind it tells how many events are damaged.
    pub next_seq: Option<u64>,
}

impl Damage {
    /// Events that cannot be read, as far as can be known.
    pub fn events(&self) -> Option<u64> {
        self.next_seq.map(|next| next.saturating_sub(self.first_seq))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: damaged at byte {}: {}; ", self.path.display(), self.offset, self.problem)?;
        match (self.events(), self.first_seq) {
            (Some(0), _) => write!(f, "no event is lost"),
            (Some(1), first) => write!(f, "event {first} cannot be read"),
            (Some(n), first) => write!(f, "{n} events ({first} to {}) cannot be read", first + n - 1),
            (None, first) => write!(f, "an unknown number of events from {first} on cannot be read"),
        }
    }
}

/// The log cannot be read or written.
#[derive(Debug, Error)]
pub enum LogError {
    /// Reading or writing failed.
    #[error("{what} {path}: {source}")]
    Io {
        /// The operation.
        what: &'static str,
        /// On which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A part of the log is damaged.
    #[error("{0}; `foryou doctor` lists all damage, `foryou doctor --repair` keeps what is whole")]
    Damaged(Box<Damage>),
    /// Acknowledged events are missing from the log.
    #[error(
        "{path}: the log ends after {held} events, but {witness} knows {known}: {} acknowledged events are missing; put the log \
         back, or let `foryou doctor --repair` go on without them", .known.saturating_sub(*.held)
    )]
    Missing {
        /// The folder of the log.
        path: String,
        /// Events the log holds.
        held: u64,
        /// Events that were acknowledged.
        known: u64,
        /// The source of that knowledge.
        witness: &'static str,
    },
    /// The profile would give stored events another meaning.
    #[error(
        "{path}: its events were written under another profile: {}; put profile.toml back (new actions go at the end), or \
         `foryou dump` the folder and `foryou restore` it under the profile you want", .changes.join("; ")
    )]
    Meaning {
        /// The folder of the log.
        path: String,
        /// What changed, in words.
        changes: Vec<String>,
    },
    /// A position that the log did not give: it is that of another log.
    #[error("the position {position} is not one of this log")]
    Foreign {
        /// The position.
        position: String,
    },
    /// The log was opened read-only.
    #[error("{path} was opened read-only")]
    ReadOnly {
        /// The folder.
        path: String,
    },
    /// The folder is used by another process.
    #[error("{path} is in use by {holder}: wait for it, or stop it first")]
    InUse {
        /// The folder.
        path: String,
        /// The process.
        holder: Holder,
    },
    /// The log holds something this version cannot read.
    #[error("{path}: {problem}")]
    Corrupt {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// What a log had said it could store, it refused: a fault of the log.
    #[error("what was left of a batch, without the events that were refused, was refused too: {problem}")]
    RefusedAgain {
        /// Which events, and why.
        problem: String,
    },
    /// The index of the log failed.
    #[error("index {path}: {problem}")]
    Index {
        /// The folder.
        path: String,
        /// What is wrong.
        problem: String,
    },
}
