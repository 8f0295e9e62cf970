//! Segment files: the batches of the log, each one frame, appended and never changed.
//!
//! ```text
//! segment = header frame*
//! header  = magic, format, partitions, what the log was when the segment began, checksum      (header.rs)
//! frame   = check, magic, payload length, first seq, number of records, payload               (frame.rs)
//! payload = record*
//! record  = topic and origin, partition, offset, time, schema version, length, body           (record.rs)
//! ```
//!
//! Numbers are little-endian. The `check` of a frame is XXH3-64 over the rest of the frame, seeded with the check of the frame
//! before it (0 at the start of the log). So it vouches for everything up to there: a frame left over from earlier contents of the
//! file cannot follow another one by chance, and a projection that covered the same number of other events is detected.
//!
//! The own check of a frame vouches for that frame alone: behind damage it tells which frames are whole (salvage.rs).
//!
//! A segment is synced before the next one begins, whatever the fsync policy: only the newest can be damaged by a power cut.

pub(crate) mod chain;
pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod inspect;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod recover;
pub(crate) mod salvage;
pub(crate) mod storage;
pub(crate) mod tail;
pub(crate) mod writer;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::LogError;

/// The end of a batch. Every event takes one offset of one partition, so the sum of a position's offsets is `next_seq`: a log of
/// this kind finds the place of a position by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchEnd {
    /// The first event behind the batch.
    pub(crate) next_seq: u64,
    /// Checksum of the batch's frame; 0 at the start of the log.
    pub(crate) check: u64,
}

/// Ending of a segment file whose header may not be on the disk yet.
pub(crate) const UNFINISHED: &str = ".log.tmp";

/// An [`LogError::Io`] as a closure for `map_err`.
pub(crate) fn io_error(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LogError {
    let path = path.display().to_string();
    move |source| LogError::Io { what, path, source }
}

/// The error for something in a file that this version cannot read.
pub(crate) fn corrupt(path: &Path, problem: impl Into<String>) -> LogError {
    LogError::Corrupt { path: path.display().to_string(), problem: problem.into() }
}

/// The files of a folder of segments.
pub(crate) struct Listing {
    /// First event by name, and path, in order.
    pub(crate) segments: Vec<(u64, PathBuf)>,
    /// Segments that were being begun when a process ended.
    pub(crate) unfinished: Vec<PathBuf>,
}

/// Lists the segment files of a folder by name; a missing folder has none. Changes nothing.
pub(crate) fn list(folder: &Path) -> Result<Listing, LogError> {
    let mut listing = Listing { segments: Vec::new(), unfinished: Vec::new() };
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(listing),
        entries => entries.map_err(io_error("reading", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(io_error("reading", folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.ends_with(UNFINISHED) {
            listing.unfinished.push(path);
        } else if let Some(base) = name.strip_suffix(".log").filter(|digits| digits.len() == 20)
            && let Ok(base) = base.parse()
        {
            listing.segments.push((base, path));
        }
    }
    listing.segments.sort_unstable();
    Ok(listing)
}
