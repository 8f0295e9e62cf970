//! Prepares segments for writing: cuts the newest one after its last whole batch, and removes what a crash left.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foryou_io::sync_folder;

use super::chain::Chain;
use super::inspect::{Inspected, Torn};
use super::reader::Cursor;
use super::storage::Storage;
use super::tail::Tail;
use super::{corrupt, io_error, writer};
use crate::batch::Layout;
use crate::error::LogError;

/// What opening a log found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of an unfinished batch that were cut off the newest segment.
    pub cut_bytes: u64,
    /// Where the cut bytes are kept; `None` if they were only an unfinished write.
    pub kept_as: Option<PathBuf>,
    /// Acknowledged events that are lost: they were not on the disk yet when the machine went down, as the fsync policy allows.
    /// The index knew them.
    pub lost_unsynced: u64,
    /// Why the index was rebuilt from the segments, if it was.
    pub index_rebuilt: Option<String>,
}

/// The segments of a folder, ready for reading and writing.
pub(crate) struct Opened {
    pub(crate) chain: Chain,
    pub(crate) tail: Tail,
    pub(crate) cursor: Cursor,
    pub(crate) recovery: Recovery,
}

/// Prepares inspected segments for writing; makes the first segment if there is none.
pub(crate) fn recover(
    folder: &Path,
    layout: Layout,
    inspected: Inspected,
    storage: &dyn Storage,
) -> Result<Opened, LogError> {
    let Inspected { mut segments, tail, mut cursor, torn, unfinished } = inspected;
    for path in unfinished {
        fs::remove_file(&path).map_err(io_error("removing", &path))?;
    }
    let mut recovery = Recovery::default();
    if let Some(torn) = torn {
        recovery.cut_bytes = torn.bytes;
        recovery.kept_as = clear(&torn).map_err(io_error("cutting the unfinished end of", &torn.path))?;
    }
    if segments.is_empty() {
        let first = writer::create(folder, &Tail::empty(layout), 0, storage)?.0;
        cursor = first.start();
        segments.push(Arc::new(first));
    }
    let chain = Chain(Arc::new(segments));
    if chain.0.is_empty() {
        return Err(corrupt(folder, "no segments"));
    }
    Ok(Opened { chain, tail, cursor, recovery })
}

/// Cuts off what a crash left. It is kept next to the segment, unless it is only an unfinished batch.
fn clear(torn: &Torn) -> io::Result<Option<PathBuf>> {
    let path = &torn.path;
    let Some(end) = torn.offset else {
        tracing::info!(path = %path.display(), "an empty new segment was removed");
        fs::remove_file(path)?;
        return Ok(None);
    };
    let mut file = File::options().read(true).write(true).open(path)?;
    let kept = if torn.plain {
        tracing::info!(path = %path.display(), bytes = torn.bytes, "an unfinished batch at the end of the log was cut off");
        None
    } else {
        let kept = free_name(path);
        file.seek(SeekFrom::Start(end))?;
        let mut copy = File::create_new(&kept)?;
        io::copy(&mut file, &mut copy)?;
        copy.sync_all()?;
        tracing::warn!(
            path = %path.display(), byte = end, bytes = torn.bytes, kept_as = %kept.display(), problem = torn.problem,
            "the last batch of the log is incomplete and was cut off; the bytes are kept"
        );
        Some(kept)
    };
    file.set_len(end)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(kept)
}

/// `FILE.damaged-N` with the first N that is free.
pub(crate) fn free_name(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("segment");
    (0..1_000_000)
        .map(|n| path.with_file_name(format!("{name}.damaged-{n}")))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| path.with_file_name(format!("{name}.damaged")))
}
