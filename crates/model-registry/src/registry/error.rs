//! Why a change of the registry was refused.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::checkpoint::CheckpointError;
use crate::kind::Kind;

/// A change that was refused, or a registry that cannot be read.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// A file or folder that cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `registry.json` cannot be parsed, or is not as it was written.
    #[error("{}: {problem}; correct it, or delete it and promote a version again", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No version has that name.
    #[error("there is no version {name}; there {}", known_names(.known))]
    Unknown {
        /// The name as given.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The checkpoint cannot be served.
    #[error("{name} cannot be served: {source}")]
    Checkpoint {
        /// The version, or the folder that was to become one.
        name: String,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The checkpoint is of another kind.
    #[error("{name} is a {is} model, not a {wanted} model")]
    Kind {
        /// The version, or the folder that was to become one.
        name: String,
        /// What it is.
        is: Kind,
        /// What it should be.
        wanted: Kind,
    },
    /// The program does not know the family of the model.
    #[error("{name} is of the family {family:?}, which this program does not know")]
    Family {
        /// The version.
        name: String,
        /// Its family.
        family: String,
    },
    /// No version of the kind was promoted before the one that serves.
    #[error("{}", nothing_before(.kind, .current.as_deref()))]
    NothingBefore {
        /// Which model.
        kind: Kind,
        /// The promoted version, if any.
        current: Option<String>,
    },
    /// The version was trained for other actions than the data has: its heads would be read as something else.
    #[error("{name} was trained for other actions than this data has: {difference}; train a version on this data")]
    ActionSet {
        /// The version.
        name: String,
        /// The first difference.
        difference: String,
    },
    /// The version was judged on the held-out part of its training and must not serve.
    #[error("{name} did not pass its gate: {reasons}; `foryou models promote {name} --force` promotes it anyway")]
    Gate {
        /// The version.
        name: String,
        /// Why, in plain words.
        reasons: String,
    },
    /// A share of users that is out of range, or that cannot be given.
    #[error("a share of users for {name}: {problem}")]
    Share {
        /// The version.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

impl RegistryError {
    /// Whether the caller asked for something that cannot be, rather than that something failed.
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. }
                | Self::NothingBefore { .. }
                | Self::Share { .. }
                | Self::Kind { .. }
                | Self::Family { .. }
                | Self::ActionSet { .. }
                | Self::Gate { .. }
        )
    }
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() { "are no versions yet".to_owned() } else { format!("are {}", known.join(", ")) }
}

fn nothing_before(kind: &Kind, current: Option<&str>) -> String {
    current.map_or_else(
        || format!("no {kind} version is promoted"),
        |current| format!("no {kind} version was promoted before {current}"),
    )
}
