//! Sorting more rows than memory should hold, by time: an external merge sort (Knuth, "The Art of Computer Programming" 3, 5.4).
//!
//! Entries are collected in runs of bounded size. A full run is sorted and appended to one temporary file, which has no
//! name and disappears with the sort, however it ends. [`ExternalSort::finish`] merges the runs: the smallest time first, of equal times
//! the earlier run. So the result is that of a stable sort of everything by time.
//!
//! Memory is one run (in the form in which it is written: entries of any type take what their bytes take, and 16 bytes), and
//! while merging [`MERGE_BYTES`] of buffers. What fits in one run never touches the disk.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use foryou_types::TimeMs;

use super::spill::Spill;

/// Entries of a run, unless said otherwise: 30 MB of rows of some numbers.
const RUN_ROWS: usize = 512 * 1024;

/// A run ends at this many bytes, however few its entries are.
const RUN_BYTES: usize = 64 * 1024 * 1024;

/// Bytes read ahead while merging, of all runs together.
const MERGE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes read ahead of one run, at least: less would be a seek for every few rows.
const LEAST_BUFFER: usize = 16 * 1024;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 256 * 1024;

/// Bytes of an entry before its value: the value's length as u32, the time as i64, both little-endian.
const HEAD_BYTES: usize = 12;

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

/// A run in memory: entries one after the other, and where each begins.
#[derive(Default)]
struct Run {
    bytes: Vec<u8>,
    /// Time and first byte of each entry. A later entry begins later, so that their order is stable.
    places: Vec<(TimeMs, usize)>,
}

impl Run {
    fn push<T: Spill>(&mut self, at: TimeMs, value: &T) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&at.0.to_le_bytes());
        value.spill(&mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start - HEAD_BYTES)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a row has more than 4 GiB"))?;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.places.push((at, start));
        Ok(())
    }

    fn sort(&mut self) {
        self.places.sort_unstable();
    }

    /// The entry at a place of the order, its head included.
    fn entry(&self, place: usize) -> Option<&[u8]> {
        whole(self.bytes.get(self.places.get(place)?.1..)?)
    }

    /// Appends the entries in their order to a file; returns the number of bytes.
    fn write(&self, file: &mut dyn Scratch) -> io::Result<u64> {
        let mut chunk = Vec::with_capacity(WRITE_BYTES);
        let mut written = 0;
        for entry in (0..self.places.len()).filter_map(|place| self.entry(place)) {
            if chunk.len() + entry.len() > WRITE_BYTES && !chunk.is_empty() {
                file.write_all(&chunk)?;
                chunk.clear();
            }
            chunk.extend_from_slice(entry);
            written += entry.len() as u64;
        }
        file.write_all(&chunk)?;
        file.flush()?;
        Ok(written)
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }
}

/// The entry that `bytes` begin with, its head included; `None` if it is not all there.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.first_chunk::<4>().copied().map(u32::from_le_bytes)? as usize;
    bytes.get(..HEAD_BYTES + length)
}

/// The time of an entry.
fn time_of(entry: &[u8]) -> Option<TimeMs> {
    entry.get(4..)?.first_chunk().copied().map(i64::from_le_bytes).map(TimeMs)
}

/// A run that is read back.
struct Reader {
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
    fn new(next: u64, end: u64, ahead: usize) -> Self {
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
enum Source {
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
pub(super) struct Sorted<T> {
    folder: PathBuf,
    file: Option<Box<dyn Scratch>>,
    sources: Vec<Source>,
    /// Time of each source's current entry; of equal times the earlier source is the smaller.
    heads: BinaryHeap<Reverse<(TimeMs, usize)>>,
    /// Entries that are still to come.
    left: u64,
    entries: PhantomData<T>,
}

impl<T> fmt::Debug for Sorted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sorted").field("runs", &self.sources.len()).finish_non_exhaustive()
    }
}

impl<T: Spill> Sorted<T> {
    /// Makes the current entry of a source, which is its first or was just taken by [`Self::pop`], known to the heap.
    fn advance(&mut self, source: usize) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the rows of an import are: where they stood, and what they say or why they say nothing.
    type Entry = (u32, Result<u64, Box<str>>);

    #[derive(Debug, PartialEq)]
    struct Item(u32, Result<u64, Box<str>>);

    impl Spill for Item {
        fn spill(&self, out: &mut Vec<u8>) {
            self.0.spill(out);
            self.1.spill(out);
        }

        fn restore(bytes: &mut &[u8]) -> Option<Self> {
            Some(Self(Spill::restore(bytes)?, Spill::restore(bytes)?))
        }
    }

    fn runs_of(run_rows: usize) -> Sorting {
        Sorting { run_rows, ..Sorting::default() }
    }

    fn sort_of(entries: &[(i64, Entry)], sorting: Sorting) -> ExternalSort<Item> {
        let mut sort = ExternalSort::new(sorting);
        for (at, (number, row)) in entries {
            sort.push(TimeMs(*at), &Item(*number, row.clone())).unwrap();
        }
        sort
    }

    fn sorted(sort: ExternalSort<Item>) -> Vec<(i64, Entry)> {
        sort.finish().unwrap().map(|item| item.map(|(at, Item(number, row))| (at.0, (number, row))).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn it_is_a_stable_sort(
            rows in prop::collection::vec((-3i64..4, prop_oneof![
                any::<u64>().prop_map(Ok),
                "[a-zé]{0,40}".prop_map(|reason| Err(reason.into_boxed_str())),
            ]), 0..200),
            run_rows in 1usize..60,
            run_bytes in 1usize..2_000,
        ) {
            let entries: Vec<(i64, Entry)> =
                rows.into_iter().enumerate().map(|(i, (at, row))| (at, (i as u32, row))).collect();
            let mut expected = entries.clone();
            expected.sort_by_key(|entry| entry.0);
            let sorting = Sorting { run_bytes, ..runs_of(run_rows) };
            prop_assert_eq!(sorted(sort_of(&entries, sorting)), expected);
        }
    }

    #[test]
    fn extreme_times_and_nothing_at_all_are_sorted_too() {
        assert_eq!(sorted(sort_of(&[], runs_of(3))), []);
        let entries = [i64::MAX, 0, i64::MIN, -1, 1].map(|at| (at, (0, Ok(7))));
        let times: Vec<i64> = sorted(sort_of(&entries, runs_of(2))).into_iter().map(|entry| entry.0).collect();
        assert_eq!(times, [i64::MIN, -1, 0, 1, i64::MAX]);
    }

    #[test]
    fn memory_holds_a_run_and_the_rest_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut sort = ExternalSort::new(Sorting { folder: folder.path().to_owned(), ..runs_of(8) });
        for i in 0..1_000 {
            sort.push(TimeMs(i % 7), &Item(i as u32, Ok(0))).unwrap();
            assert!(sort.run.places.len() <= 8);
        }
        assert_eq!(sort.spilled.runs.len(), 124);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name to be left behind");
        assert_eq!(sorted(sort).len(), 1_000);

        let long = "x".repeat(1_000).into_boxed_str();
        let mut sort = ExternalSort::new(Sorting { run_bytes: 4_000, ..Sorting::default() });
        for i in 0..100 {
            sort.push(TimeMs(0), &Item(i, Err(long.clone()))).unwrap();
            assert!(sort.run.bytes.len() < 4_000 + 1_100);
        }
        assert_eq!(sort.spilled.runs.len(), 24);
    }

    #[test]
    fn entries_larger_than_a_buffer_come_back() {
        let rows: Vec<(i64, Entry)> =
            (0..40).map(|i| (i % 5, (i as u32, Err("y".repeat(1_000 * i as usize).into_boxed_str())))).collect();
        let mut expected = rows.clone();
        expected.sort_by_key(|entry| entry.0);
        let sort = sort_of(&rows, runs_of(1));
        let sources: Vec<_> = sort.spilled.runs.clone();
        let mut merged = sort.finish().unwrap();
        // As with so many runs that each has the least buffer.
        for (source, &(next, end)) in merged.sources.iter_mut().zip(&sources) {
            *source = Source::Disk(Reader::new(next, end, 10));
        }
        merged.heads.clear();
        for source in 0..merged.sources.len() {
            merged.advance(source).unwrap();
        }
        let found: Vec<_> =
            merged.map(|item| item.map(|(at, Item(number, row))| (at.0, (number, row))).unwrap()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn one_run_needs_no_folder_and_two_name_it() {
        let folder = PathBuf::from("no such folder");
        let sorting = Sorting { folder: folder.clone(), ..runs_of(3) };
        let entries = [3, 1, 2, 0].map(|at| (at, (0, Ok(1))));
        assert_eq!(sorted(sort_of(&entries[..3], sorting.clone())).len(), 3);
        let mut sort = sort_of(&entries[..3], sorting);
        let error = sort.push(TimeMs(0), &Item(0, Ok(0))).unwrap_err();
        assert_eq!((error.folder, error.source.kind()), (folder, io::ErrorKind::NotFound));
    }

    /// A file on a disk with space for 100 bytes.
    struct Small(io::Cursor<Vec<u8>>);

    impl Read for Small {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Seek for Small {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let left = 100 - self.0.position() as usize;
            if left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.write(&bytes[..bytes.len().min(left)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A file whose second run comes back with a length that is not the written one.
    struct Torn(Small);

    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let at = self.0.0.position();
            let n = self.0.read(buffer)?;
            if at > 0 {
                buffer[0] ^= 1;
            }
            Ok(n)
        }
    }

    impl Seek for Torn {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    impl Write for Torn {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_an_error_while_entries_are_added() {
        let create: Create = |_| Ok(Box::new(Small(io::Cursor::default())));
        let mut sort = ExternalSort::with_scratch(runs_of(2), create);
        // 25 bytes each: the first two runs fill the disk, the third has no place.
        for i in 0..6 {
            sort.push(TimeMs(-i), &Item(0, Ok(0))).unwrap();
        }
        let error = sort.push(TimeMs(0), &Item(0, Ok(0))).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.folder, std::env::temp_dir());
    }

    #[test]
    fn what_comes_back_changed_is_an_error_and_the_end() {
        let create: Create = |_| Ok(Box::new(Torn(Small(io::Cursor::default()))));
        let mut sort = ExternalSort::with_scratch(runs_of(1), create);
        for i in 0..4 {
            sort.push(TimeMs(i), &Item(0, Ok(0))).unwrap();
        }
        match sort.finish() {
            Err(error) => assert_eq!(error.source.kind(), io::ErrorKind::InvalidData),
            Ok(mut sorted) => {
                let error = sorted.find_map(Result::err).unwrap();
                assert_eq!(error.source.kind(), io::ErrorKind::InvalidData);
                assert!(sorted.next().is_none());
            }
        }
    }
}
