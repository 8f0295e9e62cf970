//! The folder of a log that is open for writing: its description and its lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::description::{DESCRIPTION, Description, MAX_PARTITIONS, UNFINISHED_DESCRIPTION};
use crate::log::LogError;
use crate::meaning::{Fit, Meaning};
use crate::segment::{corrupt, io_error};

const LOCK: &str = "lock";

/// A folder that this process holds.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) description: Mutex<Description>,
    lock: Mutex<File>,
}

/// The process that holds a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// The process.
    pub pid: String,
    /// Where it serves, if it does (`127.0.0.1:8080`).
    pub address: Option<String>,
}

impl LockHolder {
    /// The process that holds the log in a folder now; `None` if no process does, or there is no log.
    pub fn of(dir: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(dir.join(LOCK)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Self::read(&file).map(Some),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn read(mut file: &File) -> io::Result<Self> {
        let mut text = String::new();
        file.take(1_024).read_to_string(&mut text)?;
        file.rewind()?;
        let mut lines = text.lines();
        let pid = lines.next().filter(|pid| !pid.is_empty()).unwrap_or("unknown").to_owned();
        Ok(Self { pid, address: lines.next().map(str::to_owned) })
    }
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
        Ok(Self { path: path.to_owned(), description: Mutex::new(description), lock: Mutex::new(lock) })
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

    /// Writes into the lock file where this process serves.
    pub(super) fn set_address(&self, address: &str) -> Result<(), LogError> {
        write_holder(&mut self.lock.lock(), Some(address)).map_err(io_error("writing", &self.path.join(LOCK)))
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
            Some(LOCK | DESCRIPTION | UNFINISHED_DESCRIPTION) => true,
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

fn take_lock(path: &Path) -> Result<File, LogError> {
    let lock_path = path.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(io_error("opening", &lock_path))?;
    match file.try_lock() {
        Ok(()) => {
            write_holder(&mut file, None).map_err(io_error("writing", &lock_path))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let holder = LockHolder::read(&file).map_err(io_error("reading", &lock_path))?;
            Err(LogError::InUse { path: path.display().to_string(), pid: holder.pid })
        }
        Err(TryLockError::Error(error)) => Err(io_error("locking", &lock_path)(error)),
    }
}

fn write_holder(file: &mut File, address: Option<&str>) -> io::Result<()> {
    let text = format!("{}\n{}", std::process::id(), address.map(|a| format!("{a}\n")).unwrap_or_default());
    file.rewind()?;
    // Overwritten before it is cut: a reader never sees an empty file.
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.rewind()
}
