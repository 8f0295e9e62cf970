//! Sorting in memory and by way of a file, and files that fail.

use std::io::SeekFrom;

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
    let found: Vec<_> = merged.map(|item| item.map(|(at, Item(number, row))| (at.0, (number, row))).unwrap()).collect();
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
