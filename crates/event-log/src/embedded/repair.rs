//! Makes a whole log of what can be read of a damaged one.

use std::fs;
use std::path::{Path, PathBuf};

use foryou_io::{FolderLock, sync_folder};

use super::examine::{Examination, examine, partitions};
use super::{EmbeddedLog, FsyncPolicy, LogOptions};
use crate::error::LogError;
use crate::meaning::Meaning;
use crate::position::Position;
use crate::segment::io_error;
use crate::segment::recover::free_name;
use crate::sink::{AppendError, EventSink};
use crate::source::EventSource;

/// What a repair did.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// What the log was before.
    pub before: Examination,
    /// Where the damaged log is kept, if it was replaced. It may be deleted.
    pub kept_as: Option<PathBuf>,
    /// The end of the log now.
    pub position: Position,
}

/// Repairs the log in a folder: a new log of everything that can be read replaces it. The old one is kept next to it as
/// `FOLDER.damaged-N`. A whole log stays as it is. The log must not be open.
///
/// The events behind a damaged place move up, so old positions do not fit the new log: what was derived from the old one is
/// computed again. `meaning` is recorded in the new log if that of the old one cannot be read.
pub fn repair(dir: &Path, meaning: &Meaning, options: LogOptions) -> Result<Repaired, LogError> {
    take_up_interrupted(dir)?;
    // The lock says whether a process has it open; a damaged description does not matter here.
    if let Some(holder) = FolderLock::holder(dir).map_err(io_error("locking", dir))? {
        return Err(LogError::InUse { path: dir.display().to_string(), holder });
    }
    let before = examine(dir, &mut |_| Ok(()))?;
    let losses = dir.join(super::losses::LOSSES);
    if !before.is_damaged() {
        if losses.exists() {
            fs::remove_file(&losses).map_err(io_error("removing", &losses))?;
        }
        let log = EmbeddedLog::open(dir, options)?;
        return Ok(Repaired { before, kept_as: None, position: log.head().position });
    }

    let anew = beside(dir, "repaired");
    if anew.exists() {
        // Left by an interrupted repair.
        fs::remove_dir_all(&anew).map_err(io_error("removing", &anew))?;
    }
    let position = write_anew(dir, &anew, before.meaning.as_ref().unwrap_or(meaning), options)?;
    let kept = free_name(dir);
    fs::rename(dir, &kept).map_err(io_error("renaming", dir))?;
    fs::rename(&anew, dir).map_err(io_error("renaming", &anew))?;
    dir.parent().map_or(Ok(()), sync_folder).map_err(io_error("syncing the folder of", dir))?;
    Ok(Repaired { before, kept_as: Some(kept), position })
}

fn write_anew(dir: &Path, anew: &Path, meaning: &Meaning, options: LogOptions) -> Result<Position, LogError> {
    let partitions = partitions(dir)?;
    let log = EmbeddedLog::open(anew, LogOptions { partitions, fsync: FsyncPolicy::Never, ..options })?;
    log.pin(meaning)?;
    examine(dir, &mut |events| match log.append(events) {
        Ok(_) => Ok(()),
        Err(AppendError::Log(error)) => Err(error),
        Err(refused @ AppendError::Refused(_)) => {
            Err(crate::segment::corrupt(dir, format!("a batch cannot be written again: {refused}")))
        }
    })?;
    log.sync()?;
    Ok(log.head().position)
}

/// A repair that was interrupted between its two renames left the new log next to the old one's place.
fn take_up_interrupted(dir: &Path) -> Result<(), LogError> {
    let anew = beside(dir, "repaired");
    if !dir.exists() && anew.exists() {
        fs::rename(&anew, dir).map_err(io_error("renaming", &anew))?;
    }
    Ok(())
}

/// `FOLDER.what`, next to a folder.
fn beside(dir: &Path, what: &str) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    dir.with_file_name(name)
}
