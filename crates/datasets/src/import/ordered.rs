//! Importing a file in the order of its times, where its rows stand in another one.
//!
//! People's histories must be written as they happened, and some published files are not sorted (Deskdrop, Globo). Sorting and
//! resuming are reconciled by windows: all rows that the log lacks when an import begins are one window, which is sorted as a whole
//! ([`super::external_sort`]: in bounded memory, by way of a temporary file where it has to be) and imported in batches. So a
//! file is imported wholly in the order of time, and so is, after it, every part by which it grows.
//!
//! Three marks of progress per role make a resumed import the same as an undisturbed one:
//!
//! * `ROLE/planned`, in the order of the file: rows of windows that were begun. Written with the first batch of a window. It fixes
//!   the window, however the file grows in the meantime, and it is what a changed file is recognised by.
//! * `ROLE/ordered`, in the order of import: rows submitted. Written with every batch.
//! * `ROLE`, in the order of the file: rows of finished windows. Written with the last batch of a window.
//!
//! So `len(ROLE) ≤ len(ROLE/ordered) ≤ len(ROLE/planned)`; where the first two differ from the third, the rows between the first
//! and the third are the window that was interrupted, and the second says how many of its rows, in their order, are in the log.
//!
//! A window's first and last batch therefore carry 4 bytes for every row of it (12 MB for the 3 million of Globo; the log takes
//! batches of 2 GiB), cut into marks of [`MARK_ROWS`] rows. Besides them, memory holds one run of the sort and one batch.

use std::ops::ControlFlow;

use event_log::ImportProgress;
use foryou_types::TimeMs;

use super::{
    ImportError,
    external_sort::{ExternalSort, SortError, Sorted, Sorting},
    files::{Meter, SetFile},
    rows::{FileFault, Row, for_each_row},
    run::{Batch, MAX_BATCH_EVENTS, Mapped, Run, broken, check},
    spill::Spill,
};

/// Rows of one mark: a window's marks are many values of 256 KiB in the log's index rather than one of any size.
const MARK_ROWS: usize = 64 * 1024;

/// Makes events of rows, in the order of their times.
pub(super) trait TimedMapper {
    /// A row, read. It waits outside memory for its turn.
    type Row: Spill;

    /// Reads a row, or says what is wrong with it.
    fn parse(&self, row: &Row<'_>) -> Result<(TimeMs, Self::Row), String>;

    /// Sees every sound row of the file, in the order of the file, before any row is imported.
    fn survey(&mut self, at: TimeMs, row: Self::Row);

    /// Sees a row that the log has.
    fn known(&mut self, row: Self::Row);

    /// Adds the events of a row.
    fn map(&mut self, at: TimeMs, row: Self::Row, out: &mut Mapped);

    /// The batch is in the log.
    fn submitted(&mut self) {}
}

/// A row of a window; rows that cannot be read come first.
struct Slot<R> {
    line: u64,
    hash: u32,
    row: Result<R, Box<str>>,
}

impl<R: Spill> Spill for Slot<R> {
    fn spill(&self, out: &mut Vec<u8>) {
        self.line.spill(out);
        self.hash.spill(out);
        self.row.spill(out);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { line: Spill::restore(bytes)?, hash: Spill::restore(bytes)?, row: Spill::restore(bytes)? })
    }
}

/// The role of the rows of windows that were begun.
pub(super) fn planned(role: &str) -> String {
    format!("{role}/planned")
}

fn ordered(role: &str) -> String {
    format!("{role}/ordered")
}

/// Imports the rows of a file that the log does not have, in the order of time.
pub(super) fn import_in_time_order<M: TimedMapper>(
    run: &mut Run<'_>,
    file: &SetFile,
    mapper: &mut M,
    sorting: &Sorting,
) -> Result<(), ImportError> {
    let planned = run.progress(&planned(file.role))?;
    let mut finished = run.progress(file.role)?.len();
    let mut submitted = run.progress(&ordered(file.role))?.len();
    run.report.rows_already_there += submitted as u64;

    let mut rows = 0;
    let fault = for_each_row(file, &Meter::default(), &mut |row| {
        rows += 1;
        if let Ok((at, row)) = mapper.parse(row) {
            mapper.survey(at, row);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    // A damaged file is imported as far as whole batches go, as if it ended there.
    if fault.is_some() && rows > planned.len() {
        rows = planned.len() + (rows - planned.len()) / run.batch_rows() * run.batch_rows();
    }

    let meter = Meter::default();
    let mut window = Window::new(sorting);
    let mut last_line = 1;
    let fault_now = for_each_row(file, &meter, &mut |row| {
        if row.number >= rows as u64 {
            return Ok(ControlFlow::Break(()));
        }
        last_line = row.line;
        check(file, &planned, row)?;
        let parsed = mapper.parse(row);
        if row.number < finished as u64 {
            if let Ok((_, row)) = parsed {
                mapper.known(row);
            }
            return Ok(ControlFlow::Continue(()));
        }
        window.add(row, parsed).map_err(no_sort)?;
        let begun = planned.len() > finished;
        let end = if begun { planned.len() } else { rows };
        if row.number + 1 == end as u64 {
            let whole = std::mem::replace(&mut window, Window::new(sorting));
            import_window(run, file, mapper, whole, Marks { finished, submitted, begun }, meter.bytes().1)?;
            (finished, submitted) = (end, end);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if finished < rows {
        let shorter = || FileFault { line: last_line + 1, reason: "it became shorter while it was read".to_owned() };
        return Err(broken(file, fault_now.unwrap_or_else(shorter), finished as u64));
    }
    fault.map_or(Ok(()), |fault| Err(broken(file, fault, finished as u64)))
}

/// The error of a sort.
fn no_sort(SortError { folder, source }: SortError) -> ImportError {
    ImportError::Sort { folder: folder.display().to_string(), source }
}

/// Rows that are sorted together, as they are read.
struct Window<R> {
    sort: ExternalSort<Slot<R>>,
    /// The rows' hashes, in the order of the file.
    hashes: Vec<u32>,
}

impl<R: Spill> Window<R> {
    fn new(sorting: &Sorting) -> Self {
        Self { sort: ExternalSort::new(sorting.clone()), hashes: Vec::new() }
    }

    fn add(&mut self, row: &Row<'_>, parsed: Result<(TimeMs, R), String>) -> Result<(), SortError> {
        let (at, parsed) = match parsed {
            Ok((at, parsed)) => (at, Ok(parsed)),
            Err(reason) => (TimeMs(i64::MIN), Err(reason.into_boxed_str())),
        };
        self.hashes.push(row.hash);
        self.sort.push(at, &Slot { line: row.line, hash: row.hash, row: parsed })
    }
}

/// Where the marks of a role stand.
struct Marks {
    /// Rows of finished windows.
    finished: usize,
    /// Rows submitted.
    submitted: usize,
    /// Whether the window was begun by an earlier run.
    begun: bool,
}

fn import_window<M: TimedMapper>(
    run: &mut Run<'_>,
    file: &SetFile,
    mapper: &mut M,
    Window { sort, hashes: in_file }: Window<M::Row>,
    marks: Marks,
    file_bytes: u64,
) -> Result<(), ImportError> {
    let mut sorted = sort.finish().map_err(no_sort)?;
    let there = marks.submitted.saturating_sub(marks.finished).min(in_file.len());
    for slot in sorted.by_ref().take(there) {
        if let Ok(row) = slot.map_err(no_sort)?.1.row {
            mapper.known(row);
        }
    }
    let mut done = there;
    while done < in_file.len() {
        let (mut batch, hashes) = next_batch(&mut sorted, mapper, run.batch_rows())?;
        let mut progress = Vec::new();
        if done == there && !marks.begun {
            progress.extend(chunks(run, &planned(file.role), marks.finished, &in_file));
        }
        progress.extend(chunks(run, &ordered(file.role), marks.finished + done, &hashes));
        done += hashes.len();
        if done == in_file.len() {
            progress.extend(chunks(run, file.role, marks.finished, &in_file));
        }
        // The file was read to its end before the first row was imported: what is left to do is told in its bytes.
        let share = file_bytes as f64 * (done as f64 / in_file.len() as f64);
        run.submit(file, &mut batch, progress, (share as u64, file_bytes))?;
        mapper.submitted();
    }
    Ok(())
}

/// The next rows in their order, and their hashes: at most so many rows, and none after the one that brings the batch
/// to [`MAX_BATCH_EVENTS`].
fn next_batch<M: TimedMapper>(
    sorted: &mut Sorted<Slot<M::Row>>,
    mapper: &mut M,
    rows: usize,
) -> Result<(Batch, Vec<u32>), ImportError> {
    let (mut batch, mut hashes) = (Batch::default(), Vec::new());
    while hashes.len() < rows && batch.events() < MAX_BATCH_EVENTS {
        let Some(slot) = sorted.next() else { break };
        let (at, slot) = slot.map_err(no_sort)?;
        hashes.push(slot.hash);
        batch.add(slot.line, 0, |out| match slot.row {
            Ok(row) => {
                mapper.map(at, row, out);
                Ok(())
            }
            Err(reason) => Err(reason.into()),
        });
    }
    Ok((batch, hashes))
}

/// Marks for consecutive rows of a role.
fn chunks<'a>(
    run: &'a Run<'_>,
    role: &'a str,
    first_row: usize,
    hashes: &'a [u32],
) -> impl Iterator<Item = ImportProgress> + 'a {
    let rows = (first_row..).step_by(MARK_ROWS);
    rows.zip(hashes.chunks(MARK_ROWS)).map(move |(row, hashes)| run.mark(role.to_owned(), row as u64, hashes.to_vec()))
}
