//! Reads one segment frame by frame, in memory bounded by its largest frame.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use thiserror::Error;

use super::frame::{self, Frame, FrameFault, FrameHeader, HEADER_BYTES};
use crate::segment::BatchEnd;

/// Size of the read buffer: many small frames are read with one system call.
const BUFFER_BYTES: usize = 256 * 1024;

/// A place between two frames of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// In bytes from the start of the file.
    pub(crate) offset: u64,
    pub(crate) position: BatchEnd,
}

/// Why a frame could not be read.
#[derive(Debug, Error)]
pub(crate) enum ReadFault {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Frame(#[from] FrameFault),
}

/// Reads frames from a cursor to a given length of the file.
pub(crate) struct FrameReader {
    file: BufReader<File>,
    cursor: Cursor,
    limit: u64,
    buffer: Vec<u8>,
}

impl FrameReader {
    /// Opens a file at a cursor; nothing beyond `limit` bytes is read.
    pub(crate) fn open(path: &Path, cursor: Cursor, limit: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(cursor.offset))?;
        let capacity = limit.saturating_sub(cursor.offset).clamp(64, BUFFER_BYTES as u64) as usize;
        Ok(Self { file: BufReader::with_capacity(capacity, file), cursor, limit, buffer: Vec::new() })
    }

    /// Where the next frame begins.
    pub(crate) const fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn header(&mut self) -> Result<Option<FrameHeader>, ReadFault> {
        let left = self.limit.saturating_sub(self.cursor.offset);
        if left == 0 {
            return Ok(None);
        }
        if left < HEADER_BYTES as u64 {
            return Err(FrameFault::Cut { wanted: HEADER_BYTES as u64, left }.into());
        }
        self.buffer.resize(HEADER_BYTES, 0);
        self.file.read_exact(&mut self.buffer)?;
        let Some(bytes) = self.buffer.first_chunk() else { return Err(FrameFault::Magic.into()) };
        Ok(Some(FrameHeader::parse(bytes, left, self.cursor.position.next_seq)?))
    }

    const fn pass(&mut self, header: &FrameHeader) {
        self.cursor.offset += header.frame_bytes();
        self.cursor.position = header.end();
    }

    /// The next frame that ends after `from`, its checksum verified; `None` at the end.
    ///
    /// Frames that end at or before `from` are skipped by their headers.
    pub(crate) fn next_after(&mut self, from: u64) -> Result<Option<Frame<'_>>, ReadFault> {
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            if header.end().next_seq <= from {
                self.file.seek_relative(i64::from(header.payload_bytes))?;
                self.pass(&header);
                continue;
            }
            // `parse` has checked that these bytes exist.
            self.buffer.resize(header.frame_bytes() as usize, 0);
            self.file.read_exact(&mut self.buffer[HEADER_BYTES..])?;
            if frame::checksum(&self.buffer, self.cursor.position.check) != header.check {
                return Err(FrameFault::Checksum.into());
            }
            self.pass(&header);
            return Ok(Some(Frame { header, payload: &self.buffer[HEADER_BYTES..] }));
        }
    }

    /// Skips frames by their headers until one ends at or after `next_seq`. Returns the position there; `None` past the end.
    pub(crate) fn pass_to(&mut self, next_seq: u64) -> Result<Option<BatchEnd>, ReadFault> {
        while self.cursor.position.next_seq < next_seq {
            let Some(header) = self.header()? else { return Ok(None) };
            self.file.seek_relative(i64::from(header.payload_bytes))?;
            self.pass(&header);
        }
        Ok(Some(self.cursor.position))
    }
}
