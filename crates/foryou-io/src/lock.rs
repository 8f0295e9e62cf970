//! A folder that one process has at a time, and who has it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The file in a folder that is locked.
pub const LOCK_FILE: &str = "lock";

/// Looks at a lock file that a process may be writing, and the time between two.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// Most bytes of a lock file that are read.
const MAX_BYTES: u64 = 4_096;

/// The process that has a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process; `None` if it did not say.
    pub pid: Option<u32>,
    /// Where its service listens, if it serves (`127.0.0.1:8080`).
    pub address: Option<String>,
}

impl fmt::Display for Holder {
    /// `process 4711`, or `another process`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

/// What taking a folder's lock gave.
#[derive(Debug)]
pub enum Lock {
    /// The folder is ours.
    Ours(FolderLock),
    /// Another process has it.
    Held(Holder),
}

/// A folder that is ours until this is dropped or the process ends.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Takes the lock of a folder that exists, and writes into it who has it.
    pub fn take(folder: &Path) -> io::Result<Lock> {
        match Self::lock(folder)? {
            Ok(mut lock) => {
                lock.announce(None)?;
                Ok(Lock::Ours(lock))
            }
            Err(mut held) => read(&mut held).map(Lock::Held),
        }
    }

    /// Takes the lock of a folder that exists and leaves the file as it is: what stands in it is the folder's own. `None`: another
    /// process has it.
    pub fn take_unsigned(folder: &Path) -> io::Result<Option<Self>> {
        Self::lock(folder).map(Result::ok)
    }

    /// The lock, or the file where another process has it.
    fn lock(folder: &Path) -> io::Result<Result<Self, File>> {
        let path = folder.join(LOCK_FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Ok(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(Err(file)),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether a process has a folder now, signed or not; `false` also where that cannot be found out.
    pub fn is_held(folder: &Path) -> bool {
        File::open(folder.join(LOCK_FILE))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The process that has a folder now; `None` if no process has it.
    pub fn holder(folder: &Path) -> io::Result<Option<Holder>> {
        let mut file = match File::open(folder.join(LOCK_FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => read(&mut file).map(Some),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Keeps others from taking a folder while it is only read, until the file is dropped. `None`: a process has it, or it was
    /// never locked.
    pub fn hold_off(folder: &Path) -> Option<File> {
        let file = File::open(folder.join(LOCK_FILE)).ok()?;
        file.try_lock_shared().is_ok().then_some(file)
    }

    /// Writes into the lock where this process's service listens.
    pub fn announce(&mut self, address: Option<String>) -> io::Result<()> {
        let text = serde_json::to_string(&Holder { pid: Some(std::process::id()), address })?;
        // Overwritten, then cut: a reader in between finds a whole document with leftovers behind it, never an empty file.
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that is just being started has it open too, until it becomes its program.
        // An error leaves the lock to the end of the process.
        let _ = self.file.unlock();
    }
}

/// Reads who has the lock. The holder writes the file right after locking it, so it may be unreadable for a moment.
fn read(file: &mut File) -> io::Result<Holder> {
    for _ in 0..LOOKS {
        let mut text = Vec::new();
        file.rewind()?;
        file.take(MAX_BYTES).read_to_end(&mut text)?;
        if let Some(Ok(holder)) = serde_json::Deserializer::from_slice(&text).into_iter().next() {
            return Ok(holder);
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    Ok(Holder::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(folder: &Path) -> FolderLock {
        match FolderLock::take(folder).unwrap() {
            Lock::Ours(lock) => lock,
            Lock::Held(holder) => panic!("held by {holder}"),
        }
    }

    #[test]
    fn the_second_is_told_who_has_it_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(FolderLock::holder(dir.path()).unwrap(), None);
        assert!(FolderLock::hold_off(dir.path()).is_none());
        let mut lock = take(dir.path());
        lock.announce(Some("a.long.name.example:65535".into())).unwrap();
        // A shorter text leaves nothing of the longer one.
        lock.announce(Some("127.0.0.1:9".into())).unwrap();
        let ours = Holder { pid: Some(std::process::id()), address: Some("127.0.0.1:9".into()) };
        assert!(matches!(FolderLock::take(dir.path()).unwrap(), Lock::Held(holder) if holder == ours));
        assert_eq!(FolderLock::holder(dir.path()).unwrap(), Some(ours));
        assert!(FolderLock::hold_off(dir.path()).is_none());
        drop(lock);
        assert_eq!(FolderLock::holder(dir.path()).unwrap(), None);
        // The address of the one before is gone.
        let lock = take(dir.path());
        assert_eq!(FolderLock::holder(dir.path()).unwrap().unwrap().address, None);
        drop(lock);
        let reading = FolderLock::hold_off(dir.path()).unwrap();
        assert!(matches!(FolderLock::take(dir.path()).unwrap(), Lock::Held(_)));
        drop(reading);
    }

    #[test]
    fn an_unsigned_lock_keeps_what_stands_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!FolderLock::is_held(dir.path()));
        std::fs::write(dir.path().join(LOCK_FILE), "a note").unwrap();
        let lock = FolderLock::take_unsigned(dir.path()).unwrap();
        assert!(lock.is_some() && FolderLock::is_held(dir.path()));
        assert!(FolderLock::take_unsigned(dir.path()).unwrap().is_none());
        drop(lock);
        assert!(!FolderLock::is_held(dir.path()));
        assert_eq!(std::fs::read_to_string(dir.path().join(LOCK_FILE)).unwrap(), "a note");
        // A signed one says who has it.
        let lock = take(dir.path());
        assert!(FolderLock::take_unsigned(dir.path()).unwrap().is_none() && FolderLock::is_held(dir.path()));
        drop(lock);
    }

    #[test]
    fn a_lock_that_says_nothing_is_another_process() {
        let dir = tempfile::tempdir().unwrap();
        let lock = take(dir.path());
        lock.file.set_len(0).unwrap();
        let holder = FolderLock::holder(dir.path()).unwrap().unwrap();
        assert_eq!(holder.to_string(), "another process");
    }
}
