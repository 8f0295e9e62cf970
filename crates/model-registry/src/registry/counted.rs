//! How often the registry was changed, kept next to `registry.json`: an older copy of that file is consistent in itself, and would
//! let another version serve without a word.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, Write};
use std::path::Path;

/// The number of changes, from the lock's file; 0 if it is not there.
pub(super) fn made(lock: &Path) -> io::Result<u64> {
    match fs::read(lock) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(0),
        text => Ok(String::from_utf8_lossy(&text?).trim().parse().unwrap_or(0)),
    }
}

/// Counts a change. Only under the lock and after the change, so that every counted change was made.
pub(super) fn note(mut lock: &File, changes: u64) -> io::Result<()> {
    lock.rewind()?;
    lock.set_len(0)?;
    lock.write_all(changes.to_string().as_bytes())
}
