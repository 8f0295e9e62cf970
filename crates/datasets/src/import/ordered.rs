//! Importing a file in the order of its times, where its rows stand in another one.
//!
//! People's histories must be written as they happened, and some published files are not sorted (Deskdrop). Sorting and
//! resuming are reconciled by windows: the rows that the log lacks are read, a window of them ([`WINDOW_ROWS`]) is sorted by
//! time and imported in batches, then the next window. A file of one window is imported wholly in the order of time; of a larger
//! one, a row comes at most a window too late.
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

use std::ops::ControlFlow;

use foryou_types::TimeMs;

use super::{
    ImportError,
    files::{Meter, SetFile},
    rows::{Row, for_each_row},
    run::{Batch, Mapped, Run, broken, check},
};

/// Rows that are sorted together: about 30 MB in memory.
pub(super) const WINDOW_ROWS: usize = 512 * 1024;

/// Makes events of rows, in the order of their times.
pub(super) trait TimedMapper {
    /// A row, read.
    type Row: Copy;

    /// Reads a row, or says what is wrong with it.
    fn parse(&self, row: &Row<'_>) -> Result<(TimeMs, Self::Row), String>;

    /// Sees every sound row of the file, in the order of the file, before any row is imported.
    fn survey(&mut self, at: TimeMs, row: Self::Row);

    /// Sees a row that the log has.
    fn known(&mut self, row: Self::Row);

    /// Adds the events of a row.
    fn map(&mut self, at: TimeMs, row: Self::Row, out: &mut Mapped);
}

/// A row of a window; rows that cannot be read come first.
struct Slot<R> {
    at: TimeMs,
    line: u64,
    hash: u32,
    row: Result<R, Box<str>>,
}

/// The role of the rows of windows that were begun.
pub(super) fn planned(role: &str) -> String {
    format!("{role}/planned")
}

fn ordered(role: &str) -> String {
    format!("{role}/ordered")
}

/// Imports the rows of a file that the log does not have, window by window in the order of time.
pub(super) fn import_in_time_order<M: TimedMapper>(
    run: &mut Run<'_>,
    file: &SetFile,
    mapper: &mut M,
    window_rows: usize,
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
    let mut window: Vec<Slot<M::Row>> = Vec::new();
    let end_of_window = |finished: usize| {
        if planned.len() > finished { planned.len() } else { rows.min(finished.saturating_add(window_rows.max(1))) }
    };
    for_each_row(file, &meter, &mut |row| {
        if row.number >= rows as u64 {
            return Ok(ControlFlow::Break(()));
        }
        check(file, &planned, row)?;
        let parsed = mapper.parse(row);
        if row.number < finished as u64 {
            if let Ok((_, row)) = parsed {
                mapper.known(row);
            }
            return Ok(ControlFlow::Continue(()));
        }
        let (at, parsed) = match parsed {
            Ok((at, parsed)) => (at, Ok(parsed)),
            Err(reason) => (TimeMs(i64::MIN), Err(reason.into_boxed_str())),
        };
        window.push(Slot { at, line: row.line, hash: row.hash, row: parsed });
        if row.number + 1 == end_of_window(finished) as u64 {
            let begun = planned.len() > finished;
            import_window(run, file, mapper, &mut window, Marks { finished, submitted, begun }, meter.bytes())?;
            finished += window.len();
            submitted = finished;
            window.clear();
        }
        Ok(ControlFlow::Continue(()))
    })?;
    fault.map_or(Ok(()), |fault| Err(broken(file, fault, finished as u64)))
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
    window: &mut [Slot<M::Row>],
    marks: Marks,
    bytes: (u64, u64),
) -> Result<(), ImportError> {
    let in_file: Vec<u32> = window.iter().map(|slot| slot.hash).collect();
    // Stable: rows of one time keep the order of the file.
    window.sort_by_key(|slot| slot.at);
    let (there, new) = window.split_at(marks.submitted.saturating_sub(marks.finished).min(window.len()));
    for slot in there {
        if let Ok(row) = slot.row {
            mapper.known(row);
        }
    }
    let mut submitted = marks.submitted;
    let mut plan = (!marks.begun).then(|| run.mark(planned(file.role), marks.finished as u64, in_file.clone()));
    let last = new.len().div_ceil(run.batch_rows()).saturating_sub(1);
    for (i, rows) in new.chunks(run.batch_rows()).enumerate() {
        let mut batch = Batch::default();
        for slot in rows {
            batch.add(slot.line, 0, |out| match &slot.row {
                Ok(row) => {
                    mapper.map(slot.at, *row, out);
                    Ok(())
                }
                Err(reason) => Err(reason.to_string()),
            });
        }
        let hashes = rows.iter().map(|slot| slot.hash).collect();
        let mut progress: Vec<_> = plan.take().into_iter().collect();
        progress.push(run.mark(ordered(file.role), submitted as u64, hashes));
        if i == last {
            progress.push(run.mark(file.role.to_owned(), marks.finished as u64, in_file.clone()));
        }
        run.submit(file, &mut batch, progress, bytes)?;
        submitted += rows.len();
    }
    Ok(())
}
