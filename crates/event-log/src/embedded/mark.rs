//! How much of a log is known to be on the disk. The log must still hold this, whatever happens.
//!
//! The file `synced` beside the segments holds one position and its checksum. It is written in place after each sync: it may be
//! behind the log, never ahead of it. A log that ends before it has lost events that a crash cannot explain.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use crate::segment::BatchEnd;

/// The file in a log's folder.
pub(crate) const SYNCED: &str = "synced";

/// The position that is known to be on the disk.
#[derive(Debug)]
pub(super) struct SyncedMark {
    path: PathBuf,
    /// Opened at the first write, with the newest position written.
    file: Mutex<Option<(File, u64)>>,
}

impl SyncedMark {
    /// The mark of the log in a folder.
    pub(super) fn of(folder: &Path) -> Self {
        Self { path: folder.join(SYNCED), file: Mutex::new(None) }
    }

    /// The marked position; `None` if there is no mark or it cannot be read.
    pub(crate) fn read(folder: &Path) -> Option<BatchEnd> {
        let mut text = String::new();
        File::open(folder.join(SYNCED)).and_then(|file| file.take(256).read_to_string(&mut text)).ok()?;
        let (content, check) = text.trim_end().rsplit_once(' ')?;
        let mut words = content.split(' ');
        let next_seq = words.next()?.parse().ok()?;
        let position = BatchEnd { next_seq, check: u64::from_str_radix(words.next()?, 16).ok()? };
        (check == checksum(content)).then_some(position)
    }

    /// Everything before `position` is on the disk; a position before the last one is ignored. A mark that cannot be written stays
    /// behind, but stays true.
    pub(super) fn write(&self, position: BatchEnd) {
        if let Err(error) = self.try_write(position) {
            tracing::warn!(path = %self.path.display(), %error, "the mark of what is on the disk could not be written");
        }
    }

    fn try_write(&self, position: BatchEnd) -> io::Result<()> {
        let content = format!("{:020} {:016x}", position.next_seq, position.check);
        let text = format!("{content} {}\n", checksum(&content));
        let mut slot = self.file.lock();
        if slot.is_none() {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?;
            *slot = Some((file, 0));
        }
        let Some((file, newest)) = slot.as_mut() else { return Ok(()) };
        if position.next_seq < *newest {
            return Ok(());
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        // A longer file was not written by this program.
        file.set_len(text.len() as u64)?;
        *newest = position.next_seq;
        Ok(())
    }
}

fn checksum(content: &str) -> String {
    format!("{:016x}", xxh3_64(content.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(SyncedMark::read(dir.path()), None);
        let mark = SyncedMark::of(dir.path());
        let newest = BatchEnd { next_seq: u64::MAX, check: 0xabc };
        for (next_seq, reads) in [(7, 7), (u64::MAX, u64::MAX), (8, u64::MAX)] {
            mark.write(BatchEnd { next_seq, ..newest });
            assert_eq!(SyncedMark::read(dir.path()), Some(BatchEnd { next_seq: reads, ..newest }));
        }
        let path = dir.path().join(SYNCED);
        let bytes = std::fs::read(&path).unwrap();
        for place in 0..bytes.len() - 1 {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(SyncedMark::read(dir.path()), None, "byte {place}");
        }
    }
}
