//! The folder of a log that is open for writing: its description and its lock.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use foryou_io::{FolderLock, LOCK_FILE, Lock, unfinished};
use parking_lot::Mutex;

use super::description::{DESCRIPTION, Description, MAX_PARTITIONS};
use crate::error::LogError;
use crate::meaning::{Fit, Meaning};
use crate::segment::{corrupt, io_error};

/// A folder that this process holds.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) description: Mutex<Description>,
    _lock: FolderLock,
}

impl Folder {
    /// Takes a folder: makes it if it is missing, locks it, and reads or writes its description.
    pub(super) fn take(path: &Path, partitions: u16) -> Result<Self, LogError> {
        if partitions == 0 || partitions > MAX_PARTITIONS {
            return Err(corrupt(path, format!("partitions = {partitions}: must be between 1 and {MAX_PARTITIONS}")));
        }
        // Checked before anything is written: it may be someone else's folder.
        let described = path.join(DESCRIPTION).exists();
        if !described {
            refuse_other_content(path)?;
        }
        fs::create_dir_all(path.join("segments")).map_err(io_error("making", path))?;
        let lock = take_lock(path)?;
        let description = if path.join(DESCRIPTION).exists() {
            Description::read(path)?
        } else {
            let description = Description::new(partitions);
            description.write(path)?;
            description
        };
        Ok(Self { path: path.to_owned(), description: Mutex::new(description), _lock: lock })
    }

    pub(super) fn partitions(&self) -> u16 {
        self.description.lock().partitions
    }

    /// Brings the description to the newest format.
    pub(super) fn upgrade(&self) -> Result<(), LogError> {
        let mut description = self.description.lock();
        if description.is_old() {
            description.write(&self.path)?;
            *description = Description::read(&self.path)?;
        }
        Ok(())
    }

    /// Compares what stored events mean with what they would mean under a profile. Records the meaning if it was not recorded yet, or
    /// if actions were added at the end.
    pub(super) fn pin(&self, meaning: &Meaning) -> Result<(), LogError> {
        let mut description = self.description.lock();
        if let Some(then) = &description.meaning
            && then.check(meaning, &self.path)? == Fit::Same
        {
            return Ok(());
        }
        let pinned = Description { meaning: Some(meaning.clone()), ..description.clone() };
        pinned.write(&self.path)?;
        *description = pinned;
        Ok(())
    }

    pub(super) fn segments(&self) -> PathBuf {
        self.path.join("segments")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.path.join("index")
    }
}

/// A folder without `log.toml` may hold nothing but what an interrupted [`Folder::take`] leaves.
fn refuse_other_content(path: &Path) -> Result<(), LogError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("reading", path)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(io_error("reading", path))?;
        let name = entry.file_name();
        let ours = match name.to_str() {
            Some(LOCK_FILE | DESCRIPTION) => true,
            Some(other) if Path::new(other) == unfinished(Path::new(DESCRIPTION)) => true,
            Some("segments") => fs::read_dir(entry.path()).map_err(io_error("reading", path))?.next().is_none(),
            _ => false,
        };
        // Another process may be making the log right now.
        if !ours && !path.join(DESCRIPTION).exists() {
            let name = name.to_string_lossy();
            let problem =
                format!("is not an event log: it holds {name:?} but no {DESCRIPTION}; give an empty or a new folder");
            return Err(corrupt(path, problem));
        }
    }
    Ok(())
}

fn take_lock(path: &Path) -> Result<FolderLock, LogError> {
    match FolderLock::take(path).map_err(io_error("locking", path))? {
        Lock::Ours(lock) => Ok(lock),
        Lock::Held(holder) => Err(LogError::InUse { path: path.display().to_string(), holder }),
    }
}
