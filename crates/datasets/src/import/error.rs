//! Errors of an import.

use std::error::Error;

use foryou_types::ProfileError;
use thiserror::Error;

use super::ImportReport;

/// An import that did not happen or did not finish. Where rows had been taken, the report says which.
#[derive(Debug, Error)]
pub enum ImportError {
    /// No importer of this name.
    #[error("{kind:?} is not a kind of data set: give one of {known}")]
    UnknownKind {
        /// The kind as given.
        kind: String,
        /// The kinds there are.
        known: String,
    },
    /// The path does not hold a set of the kind.
    #[error("{path} cannot be read as a set of kind {kind}: {problem}")]
    NoSuchSet {
        /// The path as given.
        path: String,
        /// The kind asked for.
        kind: &'static str,
        /// What is missing, and what would be read.
        problem: String,
    },
    /// The data folder was filled with another kind of data.
    #[error("the data folder holds {folder:?} data, but {path} is {set:?}: import it into another folder (--data DIR)")]
    OtherKind {
        /// The profile's name in the data folder.
        folder: String,
        /// The profile's name of the set.
        set: String,
        /// The set.
        path: String,
    },
    /// The set's `profile.toml` cannot be used.
    #[error("{path}: {source}")]
    Profile {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: ProfileError,
    },
    /// The map of a table cannot be used.
    #[error("{file}: {problem}")]
    Map {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder's profile lacks an action that the set's rows are.
    #[error("the data folder's profile has no action {action:?}, which a {kind} set needs: add it to its action set")]
    NoAction {
        /// The kind of set.
        kind: &'static str,
        /// The action's name.
        action: &'static str,
    },
    /// A file cannot be opened.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A file's first line does not name the columns that are read.
    #[error("{file}:1: {problem}")]
    Header {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A file without any row.
    #[error("{file} holds no rows: nothing to import; by its first bytes it is {looks_like}")]
    NoRows {
        /// The file.
        file: String,
        /// What its first bytes look like.
        looks_like: String,
    },
    /// The files have rows, and none of them could be taken.
    #[error("nothing of {file} could be imported ({reason}); by its first bytes the file is {looks_like}")]
    NothingTaken {
        /// The first file.
        file: String,
        /// What is wrong with the first of them.
        reason: String,
        /// What the file's first bytes look like.
        looks_like: String,
        /// The rows that were refused or skipped.
        report: Box<ImportReport>,
    },
    /// The file is not the one that was imported before. Nothing was added.
    #[error(
        "{file}:{line}: {problem}; nothing was added. An imported file may only grow at its end: restore its rows, or import into a new data folder"
    )]
    Changed {
        /// The file.
        file: String,
        /// Line of the first row that differs, from 1.
        line: u64,
        /// What differs.
        problem: String,
    },
    /// A file breaks off or is corrupt. The whole batches before the fault are imported.
    #[error("{}", fault(file, *line, reason, *rows))]
    Fault {
        /// The file.
        file: String,
        /// Line of the first row that cannot be read, from 1.
        line: u64,
        /// What the reader met.
        reason: String,
        /// Rows of the file that are in the log, those of earlier runs included.
        rows: u64,
        /// What was imported before the fault.
        report: Box<ImportReport>,
    },
    /// Rows could not be sorted: the temporary file for them could not be written or read. Whole batches are imported.
    #[error(
        "cannot sort rows with a temporary file in {folder}: {source}; free space there or set TMPDIR to another folder, then import again: it continues after the last whole batch"
    )]
    Sort {
        /// The folder of the temporary file.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The caller asked to stop. Whole batches are imported; the next import continues after them.
    #[error("stopped after {} rows; importing again continues there", .0.rows)]
    Stopped(Box<ImportReport>),
    /// The events could not be stored.
    #[error("the log refused the events: {0}")]
    Sink(#[source] Box<dyn Error + Send + Sync>),
}

impl ImportError {
    /// What was imported before the end, where anything could have been.
    pub fn report(&self) -> Option<&ImportReport> {
        match self {
            Self::Fault { report, .. } | Self::NothingTaken { report, .. } | Self::Stopped(report) => Some(report),
            _ => None,
        }
    }

    /// Whether the request was wrong (exit code 2) rather than the data or the machine (exit code 1).
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownKind { .. } | Self::NoSuchSet { .. } | Self::OtherKind { .. } | Self::Map { .. })
    }
}

/// The sentence of a damaged file.
fn fault(file: &str, line: u64, reason: &str, rows: u64) -> String {
    match rows {
        0 if line == 1 => format!("{file} cannot be read: {reason}"),
        0 => format!("{file}:{line}: the file is damaged here ({reason}); none of its rows was imported"),
        _ => format!(
            "{file}:{line}: the file is damaged here ({reason}); {rows} of its rows were imported; repair the file and import it again to continue after them"
        ),
    }
}
