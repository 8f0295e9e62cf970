//! Errors of the state.

use event_log::LogError;
use thiserror::Error;

/// The state cannot be read or written.
#[derive(Debug, Error)]
pub enum StateError {
    /// The folder is open elsewhere.
    #[error("state {path} is in use by another process: stop that process, or ask its service")]
    InUse {
        /// The folder.
        path: String,
    },
    /// The file system refused.
    #[error("{what} {path}: {source}")]
    Io {
        /// The operation.
        what: &'static str,
        /// The path.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The storage engine failed.
    #[error("state {path}, table {table}: {source}")]
    Storage {
        /// The folder.
        path: String,
        /// The table that was read or written.
        table: &'static str,
        /// The engine's error.
        source: fjall::Error,
    },
    /// The state holds something that this version did not write. The state is rebuilt at the next start.
    #[error("state {path}, table {table}: {problem}; it is rebuilt from the log at the next start")]
    Corrupt {
        /// The folder.
        path: String,
        /// The table.
        table: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// An earlier write failed, and the files could not be opened again yet: the next write tries again.
    #[error("state {path} is closed after a failed write; it is opened again once the cause is gone")]
    Stopped {
        /// The folder.
        path: String,
    },
    /// The state covers acknowledged events that the log no longer holds.
    #[error(
        "state {path} covers {covered} events, and the log holds {held}: {} acknowledged events are missing; put the log back, or let \
         `foryou doctor --repair` go on without them", .covered.saturating_sub(*.held)
    )]
    Ahead {
        /// The folder.
        path: String,
        /// Events covered.
        covered: u64,
        /// Events in the log.
        held: u64,
    },
    /// Records do not follow the ones applied before.
    #[error("state {path} is at event {expected} and cannot continue with event {found}")]
    Gap {
        /// The folder.
        path: String,
        /// The event that is next.
        expected: u64,
        /// The event that was given.
        found: u64,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl StateError {
    /// Whether rebuilding the state from the log can help.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Corrupt { .. } => true,
            Self::Storage { source, .. } => engine_damage(source),
            Self::InUse { .. }
            | Self::Io { .. }
            | Self::Stopped { .. }
            | Self::Ahead { .. }
            | Self::Gap { .. }
            | Self::Log(_) => false,
        }
    }
}

/// Tells damaged files from a machine that cannot serve them now (full, read-only, no permission). The latter must never cost the
/// state.
fn engine_damage(error: &fjall::Error) -> bool {
    use std::io::ErrorKind::{
        AlreadyExists, InvalidData, InvalidInput, IsADirectory, NotADirectory, NotFound, OutOfMemory, PermissionDenied,
        QuotaExceeded, ReadOnlyFilesystem, StorageFull, UnexpectedEof, WriteZero,
    };
    let io = |e: &std::io::Error| match e.kind() {
        PermissionDenied | ReadOnlyFilesystem | StorageFull | QuotaExceeded | OutOfMemory | WriteZero => false,
        AlreadyExists | InvalidData | InvalidInput | IsADirectory | NotADirectory | NotFound | UnexpectedEof => true,
        // EMFILE and its like have no `ErrorKind`; an error without a system code comes from a decoder.
        _ => e.raw_os_error().is_none(),
    };
    match error {
        fjall::Error::Io(e) | fjall::Error::Storage(fjall::LsmError::Io(e)) => io(e),
        fjall::Error::Poisoned | fjall::Error::Locked => false,
        _ => true,
    }
}
