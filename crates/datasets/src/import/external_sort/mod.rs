//! Sorting more rows than memory should hold, by time: an external merge sort (Knuth, "The Art of Computer Programming" 3, 5.4).
//!
//! Entries are collected in runs of bounded size. A full run is sorted and appended to one temporary file, which has no
//! name and disappears with the sort, however it ends. [`ExternalSort::finish`] merges the runs: the smallest time first, of equal times
//! the earlier run. So the result is that of a stable sort of everything by time.
//!
//! Memory is one run (in the form in which it is written: entries of any type take what their bytes take, and 16 bytes), and
//! while merging [`MERGE_BYTES`] of buffers. What fits in one run never touches the disk.

mod merge;
mod run;
mod spill;
#[cfg(test)]
mod tests;

use std::collections::BinaryHeap;
use std::io::{self, Read, Seek, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use foryou_types::TimeMs;

use self::merge::{Reader, Source};
use self::run::Run;

pub(super) use self::merge::Sorted;
pub(super) use self::spill::{Spill, spill_fields};

/// Entries of a run, unless said otherwise: 30 MB of rows of some numbers.
const RUN_ROWS: usize = 512 * 1024;

/// A run ends at this many bytes, however few its entries are.
const RUN_BYTES: usize = 64 * 1024 * 1024;

/// Bytes read ahead while merging, of all runs together.
const MERGE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes read ahead of one run, at least: less would be a seek for every few rows.
const LEAST_BUFFER: usize = 16 * 1024;

/// How much is sorted in memory, and where the rest waits.
#[derive(Clone, Debug)]
pub(super) struct Sorting {
    /// Entries of a run, at least 1.
    pub(super) run_rows: usize,
    /// A run ends at this many bytes.
    pub(super) run_bytes: usize,
    /// The folder of the temporary file.
    pub(super) folder: PathBuf,
}

impl Default for Sorting {
    /// Runs of about half a million rows, in the system's folder for temporary files.
    fn default() -> Self {
        Self { run_rows: RUN_ROWS, run_bytes: RUN_BYTES, folder: std::env::temp_dir() }
    }
}

/// A sort that did not happen: the temporary file could not be made, written or read.
#[derive(Debug)]
pub(super) struct SortError {
    /// The folder of the temporary file.
    pub(super) folder: PathBuf,
    /// What the system said.
    pub(super) source: io::Error,
}

/// A temporary file.
trait Scratch: Read + Write + Seek {}

impl<F: Read + Write + Seek> Scratch for F {}

/// Makes a temporary file in a folder.
type Create = fn(&Path) -> io::Result<Box<dyn Scratch>>;

fn create(folder: &Path) -> io::Result<Box<dyn Scratch>> {
    tempfile::tempfile_in(folder).map(|file| Box::new(file) as Box<dyn Scratch>)
}

/// Entries on their way into a sorted order.
pub(super) struct ExternalSort<T> {
    sorting: Sorting,
    create: Create,
    run: Run,
    spilled: Spilled,
    /// Entries added.
    left: u64,
    entries: PhantomData<T>,
}

impl<T: Spill> ExternalSort<T> {
    /// An empty sort. Nothing is made in the folder before a second run begins.
    pub(super) fn new(sorting: Sorting) -> Self {
        Self::with_scratch(sorting, create)
    }

    fn with_scratch(sorting: Sorting, create: Create) -> Self {
        Self { sorting, create, run: Run::default(), spilled: Spilled::default(), left: 0, entries: PhantomData }
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, at: TimeMs, value: &T) -> Result<(), SortError> {
        if self.run.places.len() >= self.sorting.run_rows.max(1) || self.run.bytes.len() >= self.sorting.run_bytes {
            self.spill().map_err(|source| self.error(source))?;
        }
        self.left += 1;
        self.run.push(at, value).map_err(|source| self.error(source))
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort();
        let file = match &mut self.spilled.file {
            Some(file) => file,
            none => none.insert((self.create)(&self.sorting.folder)?),
        };
        let start = self.spilled.end;
        self.spilled.end += self.run.write(file)?;
        self.spilled.runs.push((start, self.spilled.end));
        self.run.clear();
        Ok(())
    }

    /// All entries, in the order of time; of one time in the order in which they were added.
    pub(super) fn finish(mut self) -> Result<Sorted<T>, SortError> {
        self.run.sort();
        let Self { sorting, run, spilled, entries, left, .. } = self;
        let buffer = (MERGE_BYTES / spilled.runs.len().max(1)).max(LEAST_BUFFER);
        let mut sources: Vec<Source> =
            spilled.runs.iter().map(|&(next, end)| Source::Disk(Reader::new(next, end, buffer))).collect();
        // Last of all: it is the newest run.
        sources.push(Source::Memory { run, next: 0 });
        let mut sorted =
            Sorted { folder: sorting.folder, file: spilled.file, sources, heads: BinaryHeap::new(), left, entries };
        for source in 0..sorted.sources.len() {
            sorted.advance(source).map_err(|source| SortError { folder: sorted.folder.clone(), source })?;
        }
        Ok(sorted)
    }

    fn error(&self, source: io::Error) -> SortError {
        SortError { folder: self.sorting.folder.clone(), source }
    }
}

/// The runs on the disk.
#[derive(Default)]
struct Spilled {
    file: Option<Box<dyn Scratch>>,
    /// Where each run begins and ends in the file.
    runs: Vec<(u64, u64)>,
    end: u64,
}
