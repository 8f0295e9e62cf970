//! The writing side of segment files, as a trait: tests replace it by a disk that fills up or fails to sync.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// A segment file that is open for writing. One thread writes; `sync` may run at the same time.
pub trait SegmentFile: Send + Sync {
    /// Writes all of `bytes` at the end. After an error, any part of them may have been written.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to `len` bytes and writes on from there.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Returns when everything written is on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// Where segment files are made.
pub trait Storage: Send + Sync {
    /// A new, empty file; an existing one is emptied.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>>;
    /// An existing file, cut to `len` bytes and written on from there.
    fn open(&self, path: &Path, len: u64) -> io::Result<Arc<dyn SegmentFile>>;
}

/// Files of the file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

struct DiskFile(File);

impl Storage for Disk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(DiskFile(OpenOptions::new().write(true).create(true).truncate(true).open(path)?)))
    }

    fn open(&self, path: &Path, len: u64) -> io::Result<Arc<dyn SegmentFile>> {
        let file = DiskFile(OpenOptions::new().write(true).open(path)?);
        file.truncate(len)?;
        Ok(Arc::new(file))
    }
}

impl SegmentFile for DiskFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        if self.0.metadata()?.len() != len {
            self.0.set_len(len)?;
        }
        (&self.0).seek(SeekFrom::Start(len)).map(|_| ())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Size of the file that is written to check for free space, in bytes.
const TRIED_BYTES: usize = 1 << 20;

/// Checks that the disk takes writes: writes a file to a folder and removes it again.
pub fn try_writing(folder: &Path, storage: &dyn Storage) -> io::Result<()> {
    let path = folder.join("space.tmp");
    let tried = storage.create(&path).and_then(|file| {
        file.append(&vec![0; TRIED_BYTES])?;
        file.sync()
    });
    // Does not exist, or is emptied by the next try.
    let _ = std::fs::remove_file(&path);
    tried
}
