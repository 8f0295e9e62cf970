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
//! and the third are the window that was interrupted, and the second says how many of its rows, in their order, had their turn.
//!
//! A row that was refused when it had its turn is left out of the window when the window is continued, because it may have been put right
//! and belong elsewhere by its new time. Rows that cannot be read have their turn first, all of them in the first batch. Every
//! run tries the refused rows again ([`super::marks`]): after the window that was interrupted, in the order of their times.
//!
//! A window's first and last batch therefore carry 4 bytes for every row of it (12 MB for the 3 million of Globo; the log takes
//! batches of 2 GiB), cut into marks of [`MARK_ROWS`] rows. Besides them, memory holds one run of the sort and one batch.

use std::ops::ControlFlow;

use foryou_types::TimeMs;

use super::{
    ImportError,
    batch::{Batch, BatchRow, Mapped},
    external_sort::{ExternalSort, SortError, Sorted, Sorting, Spill},
    files::{Meter, SetFile},
    marks::{Ledger, marks, ordered, planned},
    rows::{FileFault, Row, for_each_row},
    run::{MAX_BATCH_EVENTS, Run, broken},
};

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

/// A row that waits for its turn; rows that cannot be read come first.
struct Slot<R> {
    number: u64,
    line: u64,
    hash: u32,
    row: Result<R, Box<str>>,
}

impl<R: Spill> Spill for Slot<R> {
    fn spill(&self, out: &mut Vec<u8>) {
        self.number.spill(out);
        self.line.spill(out);
        self.hash.spill(out);
        self.row.spill(out);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            number: Spill::restore(bytes)?,
            line: Spill::restore(bytes)?,
            hash: Spill::restore(bytes)?,
            row: Spill::restore(bytes)?,
        })
    }
}

/// Imports the rows of a file that the log does not have, in the order of time.
pub(super) fn import_in_time_order<M: TimedMapper>(
    run: &mut Run<'_>,
    file: &SetFile,
    mapper: &mut M,
    sorting: &Sorting,
) -> Result<(), ImportError> {
    let role = run.role(file);
    let ledger = Ledger::read(|role| run.progress(role), &planned(&role), &role)?;
    let finished = run.progress(&role)?.len() as u64;
    let submitted = run.progress(&ordered(&role))?.len() as u64;
    run.report.rows_already_there += submitted.saturating_sub(ledger.refused_from(0));

    let mut rows = 0;
    let mut order = TimeOrder::default();
    let pass = for_each_row(file, &Meter::default(), &mut |row| {
        rows += 1;
        if let Ok((at, row)) = mapper.parse(row) {
            order.see(at);
            mapper.survey(at, row);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    run.note_pass(file, &pass);
    if order.falls {
        run.report.note(format!("{}: the rows are not in the order of time; they are sorted first", file.name()));
    }
    // A damaged file is imported as far as whole batches go, as if it ended there.
    let old = ledger.len();
    if pass.fault.is_some() && rows > old {
        rows = old + (rows - old) / run.batch_rows() as u64 * run.batch_rows() as u64;
    }

    let meter = Meter::default();
    let mut windows = Windows { role, ledger, finished, submitted };
    let (mut window, mut retries) = (Waiting::new(sorting), Waiting::new(sorting));
    let (mut last_line, mut seen) = (1, 0);
    let pass_now = for_each_row(file, &meter, &mut |row| {
        if row.number >= rows {
            return Ok(ControlFlow::Break(()));
        }
        (last_line, seen) = (row.line, row.number + 1);
        windows.ledger.check(file, row)?;
        let parsed = mapper.parse(row);
        if windows.ledger.is_refused(row.number) {
            retries.add(row, parsed).map_err(no_sort)?;
        } else if row.number < windows.finished {
            if let Ok((_, row)) = parsed {
                mapper.known(row);
            }
        } else {
            window.add(row, parsed).map_err(no_sort)?;
        }
        if seen == old.min(rows) {
            let (window, retries) = (window.take(sorting), retries.take(sorting));
            let mut to = Target { run, file, mapper, meter: meter.bytes() };
            windows.go_on(&mut to, window)?;
            windows.retry(&mut to, retries)?;
        } else if seen == rows {
            let mut to = Target { run, file, mapper, meter: meter.bytes() };
            windows.begin(&mut to, window.take(sorting))?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if seen < rows {
        let shorter = || FileFault { line: last_line + 1, reason: "it became shorter while it was read".to_owned() };
        return Err(broken(file, pass_now.fault.unwrap_or_else(shorter), windows.finished));
    }
    pass.fault.map_or(Ok(()), |fault| Err(broken(file, fault, windows.finished)))
}

/// The error of a sort.
fn no_sort(SortError { folder, source }: SortError) -> ImportError {
    ImportError::Sort { folder: folder.display().to_string(), source }
}

/// Whether times come in their order.
#[derive(Default)]
pub(super) struct TimeOrder {
    last: Option<TimeMs>,
    /// A time is before the one in front of it.
    pub(super) falls: bool,
}

impl TimeOrder {
    pub(super) fn see(&mut self, at: TimeMs) {
        self.falls |= self.last.is_some_and(|last| at < last);
        self.last = Some(at);
    }
}

/// Rows that are sorted together, as they are read.
struct Waiting<R> {
    sort: ExternalSort<Slot<R>>,
    /// The rows' hashes, in the order of the file.
    hashes: Vec<u32>,
}

impl<R: Spill> Waiting<R> {
    fn new(sorting: &Sorting) -> Self {
        Self { sort: ExternalSort::new(sorting.clone()), hashes: Vec::new() }
    }

    fn take(&mut self, sorting: &Sorting) -> Self {
        std::mem::replace(self, Self::new(sorting))
    }

    fn add(&mut self, row: &Row<'_>, parsed: Result<(TimeMs, R), String>) -> Result<(), SortError> {
        let (at, parsed) = match parsed {
            Ok((at, parsed)) => (at, Ok(parsed)),
            Err(reason) => (TimeMs(i64::MIN), Err(reason.into_boxed_str())),
        };
        self.hashes.push(row.hash);
        self.sort.push(at, &Slot { number: row.number, line: row.line, hash: row.hash, row: parsed })
    }
}

/// Where the rows of windows go.
struct Target<'a, 'run, M> {
    run: &'a mut Run<'run>,
    file: &'a SetFile,
    mapper: &'a mut M,
    /// Bytes of the file read, and all of them.
    meter: (u64, u64),
}

/// How far the windows of a file have come.
struct Windows {
    role: String,
    ledger: Ledger,
    /// Rows of finished windows.
    finished: u64,
    /// Rows that had their turn.
    submitted: u64,
}

impl Windows {
    /// Continues with the window that was interrupted, if one was.
    fn go_on<M: TimedMapper>(
        &mut self,
        to: &mut Target<'_, '_, M>,
        window: Waiting<M::Row>,
    ) -> Result<(), ImportError> {
        if self.finished == self.ledger.len() {
            return Ok(());
        }
        let refused = self.ledger.refused_from(self.finished);
        let there = (self.submitted.saturating_sub(self.finished)).saturating_sub(refused) as usize;
        let in_file = self.ledger.hashes_from(self.finished).to_vec();
        let rows = window.hashes.len();
        let mut sorted = window.sort.finish().map_err(no_sort)?;
        for slot in sorted.by_ref().take(there) {
            if let Ok(row) = slot.map_err(no_sort)?.1.row {
                to.mapper.known(row);
            }
        }
        self.import(to, sorted, Window { done: there, rows, in_file, is_new: false })
    }

    /// Imports a new window.
    fn begin<M: TimedMapper>(
        &mut self,
        to: &mut Target<'_, '_, M>,
        window: Waiting<M::Row>,
    ) -> Result<(), ImportError> {
        let in_file = window.hashes;
        let sorted = window.sort.finish().map_err(no_sort)?;
        let rows = in_file.len();
        self.import(to, sorted, Window { done: 0, rows, in_file, is_new: true })
    }

    fn import<M: TimedMapper>(
        &mut self,
        to: &mut Target<'_, '_, M>,
        mut sorted: Sorted<Slot<M::Row>>,
        mut window: Window,
    ) -> Result<(), ImportError> {
        let Target { run, file, mapper, meter: (_, file_bytes) } = to;
        let mut is_first = true;
        while window.done < window.rows {
            let (mut batch, hashes) = next_batch(&mut sorted, *mapper, run.batch_rows(), false)?;
            let mut progress = Vec::new();
            if is_first && window.is_new {
                progress.extend(marks(run.kind(), &planned(&self.role), self.finished, &window.in_file));
            }
            progress.extend(marks(run.kind(), &ordered(&self.role), self.submitted, &hashes));
            window.done += hashes.len();
            if window.done == window.rows {
                progress.extend(marks(run.kind(), &self.role, self.finished, &window.in_file));
            }
            // The file was read to its end before the first row was imported: what is left to do is told in its bytes.
            let share = *file_bytes as f64 * (window.done as f64 / window.rows as f64);
            run.submit(file, &mut batch, progress, &mut self.ledger.journal, (share as u64, *file_bytes))?;
            mapper.submitted();
            self.submitted += hashes.len() as u64;
            is_first = false;
        }
        self.finished += window.in_file.len() as u64;
        Ok(())
    }

    /// Tries the rows again that earlier runs refused.
    fn retry<M: TimedMapper>(
        &mut self,
        to: &mut Target<'_, '_, M>,
        retries: Waiting<M::Row>,
    ) -> Result<(), ImportError> {
        let Target { run, file, mapper, meter } = to;
        let mut left = retries.hashes.len();
        let mut sorted = retries.sort.finish().map_err(no_sort)?;
        while left > 0 {
            let (mut batch, hashes) = next_batch(&mut sorted, *mapper, run.batch_rows(), true)?;
            run.submit(file, &mut batch, Vec::new(), &mut self.ledger.journal, *meter)?;
            mapper.submitted();
            left = left.saturating_sub(hashes.len().max(1));
        }
        Ok(())
    }
}

/// A window on its way into the log.
struct Window {
    /// Rows of it that had their turn.
    done: usize,
    /// Rows of it that have a turn at all: those that were refused in an interrupted run have had it.
    rows: usize,
    /// Hashes of its rows, in the order of the file.
    in_file: Vec<u32>,
    is_new: bool,
}

/// The next rows in their order, and their hashes: at most so many that can be read, and none after the one that brings
/// the batch to [`MAX_BATCH_EVENTS`].
fn next_batch<M: TimedMapper>(
    sorted: &mut Sorted<Slot<M::Row>>,
    mapper: &mut M,
    rows: usize,
    is_retried: bool,
) -> Result<(Batch, Vec<u32>), ImportError> {
    let (mut batch, mut hashes, mut readable) = (Batch::default(), Vec::new(), 0);
    while readable < rows && batch.events() < MAX_BATCH_EVENTS {
        let Some(slot) = sorted.next() else { break };
        let (at, Slot { number, line, hash, row }) = slot.map_err(no_sort)?;
        hashes.push(hash);
        readable += usize::from(row.is_ok());
        batch.add(BatchRow { number, line, hash, is_retried }, 0, |out| match row {
            Ok(row) => {
                mapper.map(at, row, out);
                Ok(())
            }
            Err(reason) => Err(reason.into()),
        });
    }
    Ok((batch, hashes))
}
