//! Runs merged into one order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::io::{self, SeekFrom};
use std::marker::PhantomData;
use std::path::PathBuf;

use foryou_types::TimeMs;

use super::run::{HEAD_BYTES, Run, time_of, whole};
use super::spill::Spill;
use super::{Scratch, SortError};

/// A run that is read back.
pub(super) struct Reader {
    /// The part of the file that is not read yet.
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    /// First byte of the buffer that belongs to the current entry.
    start: usize,
    /// Bytes read at once.
    ahead: usize,
}

impl Reader {
    pub(super) fn new(next: u64, end: u64, ahead: usize) -> Self {
        Self { next, end, buffer: Vec::new(), start: 0, ahead }
    }

    /// Drops the current entry and makes sure that the next one, if there is one, is all in the buffer.
    fn advance(&mut self, file: Option<&mut Box<dyn Scratch>>) -> io::Result<()> {
        self.start += whole(&self.buffer[self.start..]).map_or(0, <[u8]>::len);
        let left = &self.buffer[self.start..];
        if whole(left).is_some() || (left.is_empty() && self.next >= self.end) {
            return Ok(());
        }
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        self.buffer.drain(..self.start);
        self.start = 0;
        file.seek(SeekFrom::Start(self.next))?;
        while whole(&self.buffer).is_none() && self.next < self.end {
            let filled = self.buffer.len();
            let wanted = usize::try_from(self.end - self.next).unwrap_or(usize::MAX).min(self.ahead);
            self.buffer.resize(filled + wanted, 0);
            file.read_exact(&mut self.buffer[filled..])?;
            self.next += wanted as u64;
        }
        if whole(&self.buffer).is_none() {
            return Err(changed());
        }
        Ok(())
    }
}

/// The error for bytes that are not those that were written.
fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a row of the temporary file has changed")
}

/// A run that is merged.
pub(super) enum Source {
    Disk(Reader),
    Memory { run: Run, next: usize },
}

impl Source {
    /// The current entry.
    fn entry(&self) -> Option<&[u8]> {
        match self {
            Self::Disk(reader) => whole(&reader.buffer[reader.start..]),
            Self::Memory { run, next } => run.entry(*next),
        }
    }
}

/// Entries in the order of time. Ends with the first error.
pub(in super::super) struct Sorted<T> {
    pub(super) folder: PathBuf,
    pub(super) file: Option<Box<dyn Scratch>>,
    pub(super) sources: Vec<Source>,
    /// Time of each source's current entry; of equal times the earlier source is the smaller.
    pub(super) heads: BinaryHeap<Reverse<(TimeMs, usize)>>,
    /// Entries that are still to come.
    pub(super) left: u64,
    pub(super) entries: PhantomData<T>,
}

impl<T> fmt::Debug for Sorted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sorted").field("runs", &self.sources.len()).finish_non_exhaustive()
    }
}

impl<T: Spill> Sorted<T> {
    /// Makes the current entry of a source, which is its first or was just taken by [`Self::pop`], known to the heap.
    pub(super) fn advance(&mut self, source: usize) -> io::Result<()> {
        if let Some(Source::Disk(reader)) = self.sources.get_mut(source) {
            reader.advance(self.file.as_mut())?;
        }
        if let Some(at) = self.sources.get(source).and_then(Source::entry).and_then(time_of) {
            self.heads.push(Reverse((at, source)));
        }
        Ok(())
    }

    fn pop(&mut self) -> io::Result<Option<(TimeMs, T)>> {
        let Some(Reverse((at, source))) = self.heads.pop() else {
            return if self.left == 0 { Ok(None) } else { Err(changed()) };
        };
        self.left -= 1;
        let value = self.sources[source].entry().and_then(|entry| {
            let mut bytes = entry.get(HEAD_BYTES..)?;
            T::restore(&mut bytes).filter(|_| bytes.is_empty())
        });
        let value = value.ok_or_else(changed)?;
        if let Source::Memory { next, .. } = &mut self.sources[source] {
            *next += 1;
        }
        self.advance(source)?;
        Ok(Some((at, value)))
    }
}

impl<T: Spill> Iterator for Sorted<T> {
    type Item = Result<(TimeMs, T), SortError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pop()
            .map_err(|source| {
                self.heads.clear();
                self.left = 0;
                SortError { folder: self.folder.clone(), source }
            })
            .transpose()
    }
}
