//! Writes the newest segment: a batch is in the file as a whole, or the file is unchanged.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foryou_io::sync_folder;

use super::chain::Segment;
use super::header::SegmentHeader;
use super::storage::{SegmentFile, Storage};
use super::tail::Tail;
use super::{UNFINISHED, corrupt, io_error};
use crate::error::LogError;
use crate::segment::BatchEnd;

/// A segment is copied in pieces of this size.
const COPY_BYTES: usize = 1 << 20;

/// Makes the segment that begins at the end of `tail`: under another name until its header is on the disk, so that a crash
/// leaves either a whole segment or none.
pub(crate) fn create(
    folder: &Path,
    tail: &Tail,
    previous_bytes: u64,
    storage: &dyn Storage,
) -> Result<(Segment, Arc<dyn SegmentFile>), LogError> {
    let path = folder.join(format!("{:020}.log", tail.position.next_seq));
    let unfinished = folder.join(format!("{:020}{UNFINISHED}", tail.position.next_seq));
    let header = SegmentHeader::at(tail, previous_bytes);
    let bytes = header.to_bytes();
    let made = storage.create(&unfinished).and_then(|file| {
        file.append(&bytes)?;
        file.sync()?;
        fs::rename(&unfinished, &path)?;
        sync_folder(folder)?;
        Ok(file)
    });
    match made {
        Ok(file) => Ok((Segment::new(path, header, bytes.len() as u64), file)),
        Err(source) => {
            // Does not exist, or is removed at the next open.
            let _ = fs::remove_file(&unfinished);
            Err(io_error("beginning", &path)(source))
        }
    }
}

/// Writes the first `bytes` of a segment into a new file that takes its place, once it is on the disk and was read back whole.
pub(crate) fn write_anew(
    segment: &Segment,
    bytes: u64,
    end: BatchEnd,
    storage: &dyn Storage,
) -> Result<Arc<dyn SegmentFile>, LogError> {
    let path = &segment.path;
    let unfinished = path.with_extension("log.tmp");
    let copy = || {
        let file = storage.create(&unfinished)?;
        let mut source = File::open(path)?.take(bytes);
        let mut chunk = vec![0; COPY_BYTES];
        loop {
            let n = source.read(&mut chunk)?;
            if n == 0 {
                break;
            }
            file.append(&chunk[..n])?;
        }
        file.sync()?;
        Ok(file)
    };
    let written = copy().map_err(io_error("writing", &unfinished)).and_then(|file| {
        let read_back = Segment::new(unfinished.clone(), segment.header.clone(), bytes).scan()?;
        if read_back.position != end {
            return Err(corrupt(path, format!("event {} cannot be read back", read_back.position.next_seq)));
        }
        fs::rename(&unfinished, path).map_err(io_error("renaming", &unfinished))?;
        path.parent().map_or(Ok(()), sync_folder).map_err(io_error("syncing the folder of", path))?;
        Ok(file)
    });
    if written.is_err() {
        // Does not exist, or is removed at the next open.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// The newest segment, open for writing.
pub(crate) struct SegmentWriter {
    path: PathBuf,
    file: Arc<dyn SegmentFile>,
    bytes: u64,
    /// A batch that failed may have left bytes behind the end.
    dirty: bool,
}

impl SegmentWriter {
    pub(crate) fn new(path: PathBuf, file: Arc<dyn SegmentFile>, bytes: u64) -> Self {
        Self { path, file, bytes, dirty: false }
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn file(&self) -> &Arc<dyn SegmentFile> {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a frame at the end; on an error the file is cut back to where it was.
    pub(crate) fn append(&mut self, frame: &[u8]) -> Result<(), LogError> {
        self.clean()?;
        if let Err(source) = self.file.append(frame) {
            self.roll_back();
            return Err(io_error("writing", &self.path)(source));
        }
        Ok(())
    }

    /// Keeps the frame just written.
    pub(crate) const fn keep(&mut self, frame_bytes: usize) {
        self.bytes += frame_bytes as u64;
    }

    /// Removes the frame just written. If that fails, it is tried again before the next write.
    pub(crate) fn roll_back(&mut self) {
        self.dirty = true;
        if let Err(error) = self.clean() {
            tracing::error!(%error, "a batch that was not acknowledged could not be removed yet");
        }
    }

    fn clean(&mut self) -> Result<(), LogError> {
        if self.dirty {
            self.file.truncate(self.bytes).map_err(io_error("cutting", &self.path))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Completes the file: everything kept is on the disk, and the file holds nothing else.
    pub(crate) fn seal(&mut self) -> Result<(), LogError> {
        self.clean()?;
        self.sync()
    }

    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.file.sync().map_err(io_error("syncing", &self.path))
    }
}
