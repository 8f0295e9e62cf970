//! One run of an importer: batches of rows with their marks of progress, and the checks in front of them.

use std::{ops::ControlFlow, path::PathBuf};

use event_log::{Event, EventBody, ImportProgress, Origin};
use foryou_types::{DayTimes, Dictionary, TimeMs};

use super::{
    ImportError, ImportReport, ImportSink, SinkOutcome,
    batch::{Batch, BatchRow, Mapped},
    files::{Meter, SetFile},
    marks::{Journal, Ledger, mark, marks},
    rows::{FileFault, Pass, Row, for_each_row},
};

/// Rows of a batch, unless [`ImportOptions::batch_rows`] says otherwise: each batch is one durable write, so fewer rows cost
/// time and more rows cost memory and what an interrupted run has to do again.
pub const DEFAULT_BATCH_ROWS: usize = 4_096;

/// A batch ends at this many bytes of rows, however few they are.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A batch of sorted rows ends with the row that brings it to this many events: such a row may stand for hundreds of
/// events (a history, a shown list), each of them some hundred bytes until the batch is in the log.
pub(super) const MAX_BATCH_EVENTS: usize = 65_536;

/// How far an import has come, told after every batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportStatus<'a> {
    /// The file being read.
    pub file: &'a str,
    /// Rows taken by this run, of all files.
    pub rows: u64,
    /// Bytes of the (compressed) file read; if the rows are sorted, its bytes times the share of imported rows.
    pub bytes_read: u64,
    /// Bytes of the (compressed) file.
    pub bytes_total: u64,
}

/// How to import.
pub struct ImportOptions<'a> {
    /// Rows of a batch, at least 1.
    pub batch_rows: usize,
    /// Told after every batch; `Break` stops the import between two batches.
    pub on_progress: &'a mut dyn FnMut(&ImportStatus<'_>) -> ControlFlow<()>,
}

/// Makes events of rows, in the order of the file.
pub(super) trait RowMapper {
    /// Sees a row that the log has, to know what later rows refer to.
    fn known(&mut self, _row: &Row<'_>) {}

    /// Adds the events of a row; or says why it has none, in which case what it added is dropped.
    fn map(&mut self, row: &Row<'_>, out: &mut Mapped) -> Result<(), String>;

    /// The batch is in the log.
    fn submitted(&mut self) {}
}

/// One run.
pub struct Run<'a> {
    kind: &'static str,
    sink: &'a dyn ImportSink,
    options: ImportOptions<'a>,
    pub(super) report: ImportReport,
    /// Time of the newest event so far: where the marks of progress stand.
    newest: TimeMs,
    /// Marks that go into the log with the next batch.
    pinned: Vec<ImportProgress>,
    /// Files that may be one of several, with the roles of their marks.
    pub(super) assigned: Vec<(PathBuf, String)>,
}

impl<'a> Run<'a> {
    /// A run of an importer of `kind`, whose rows the log knows under the kind `identity`.
    pub(super) fn new(
        kind: &'static str,
        identity: &'static str,
        sink: &'a dyn ImportSink,
        options: ImportOptions<'a>,
    ) -> Self {
        let report = ImportReport { kind: kind.to_owned(), ..ImportReport::default() };
        Self {
            kind: identity,
            sink,
            options,
            report,
            newest: TimeMs::default(),
            pinned: Vec::new(),
            assigned: Vec::new(),
        }
    }

    /// The dictionary of the log.
    pub(super) fn names(&self) -> &'a dyn Dictionary {
        self.sink.names()
    }

    /// Tells the log the times of all events that may follow ([`ImportSink::judge`]).
    pub(super) fn judge(&self, times: &DayTimes) {
        self.sink.judge(times);
    }

    /// Rows of a batch.
    pub(super) fn batch_rows(&self) -> usize {
        self.options.batch_rows.max(1)
    }

    /// The kind under which the log knows the rows.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Hashes of the rows that the log has for a role.
    pub(super) fn progress(&self, role: &str) -> Result<Vec<u32>, ImportError> {
        self.sink.progress(self.kind, role).map_err(ImportError::Sink)
    }

    /// What was decided of a whole file when its first rows were imported ([`Self::pin`]); empty where nothing was.
    pub(super) fn pinned(&self, role: &str) -> Result<Vec<u32>, ImportError> {
        self.progress(&facts(role))
    }

    /// Keeps what is decided of a whole file, for the rows by which it grows: with the next batch that has any.
    pub(super) fn pin(&mut self, role: &str, words: Vec<u32>) {
        self.pin_role(&facts(role), &words);
    }

    /// As [`Self::pin`], under a role of its own.
    pub(super) fn pin_role(&mut self, role: &str, words: &[u32]) {
        self.pinned.push(mark(self.kind, role, 0, words));
    }

    /// Refuses a file whose rows are not those that were taken, and one that has no rows at all.
    pub(super) fn verify(&self, file: &SetFile) -> Result<(), ImportError> {
        let ledger = self.ledger(file, &self.role(file))?;
        let needed = ledger.needed_rows();
        let (mut rows, mut last_line) = (0, 0);
        let pass = for_each_row(file, &Meter::default(), &mut |row| {
            (rows, last_line) = (rows + 1, row.line);
            ledger.check(file, row)?;
            Ok(if rows < needed { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        match pass.fault {
            Some(fault) if rows < needed => Err(broken(file, fault, ledger.taken_rows())),
            None if rows == 0 && ledger.taken_rows() == 0 => {
                Err(ImportError::NoRows { file: file.name(), looks_like: file.looks_like() })
            }
            None if rows < needed => Err(ImportError::Changed {
                file: file.name(),
                line: last_line + 1,
                problem: format!("the file ends after {rows} rows, but {needed} were imported before"),
            }),
            _ => Ok(()),
        }
    }

    /// Imports the rows of a file that the log does not have, in their order.
    pub(super) fn import_rows(&mut self, file: &SetFile, mapper: &mut dyn RowMapper) -> Result<(), ImportError> {
        let role = self.role(file);
        let mut ledger = Ledger::read(|role| self.progress(role), &role, &role)?;
        self.report.rows_already_there += ledger.taken_rows();
        let mut first_row = ledger.len();
        let mut batch = Batch::default();
        let mut rows = 0;
        let mut hashes = Vec::new();
        let meter = Meter::default();
        let pass = for_each_row(file, &meter, &mut |row| {
            if ledger.is_taken(row.number) {
                ledger.check(file, row)?;
                mapper.known(row);
                return Ok(ControlFlow::Continue(()));
            }
            let is_retried = row.number < ledger.len();
            let in_batch = BatchRow { number: row.number, line: row.line, hash: row.hash, is_retried };
            batch.add(in_batch, row.len(), |out| mapper.map(row, out));
            rows += 1;
            if !is_retried {
                hashes.push(row.hash);
            }
            if rows >= self.batch_rows() || batch.bytes() >= MAX_BATCH_BYTES {
                let marks = marks(self.kind, &role, first_row, &hashes).collect();
                first_row += hashes.len() as u64;
                hashes.clear();
                rows = 0;
                self.submit(file, &mut batch, marks, &mut ledger.journal, meter.bytes())?;
                mapper.submitted();
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.note_pass(file, &pass);
        if let Some(fault) = pass.fault {
            return Err(broken(file, fault, first_row));
        }
        if rows > 0 {
            let marks = marks(self.kind, &role, first_row, &hashes).collect();
            self.submit(file, &mut batch, marks, &mut ledger.journal, meter.bytes())?;
            mapper.submitted();
        }
        Ok(())
    }

    /// Shows all rows of a file to the mapper as if the log had them. None is imported or marked: those that the log
    /// does not have are left to a later run.
    pub(super) fn look_at_rows(&mut self, file: &SetFile, mapper: &mut dyn RowMapper) -> Result<(), ImportError> {
        let role = self.role(file);
        let ledger = Ledger::read(|role| self.progress(role), &role, &role)?;
        self.report.rows_already_there += ledger.taken_rows();
        let pass = for_each_row(file, &Meter::default(), &mut |row| {
            ledger.check(file, row)?;
            mapper.known(row);
            Ok(ControlFlow::Continue(()))
        })?;
        pass.fault.map_or(Ok(()), |fault| Err(broken(file, fault, ledger.taken_rows())))
    }

    /// Says in the report what a pass over a whole file met.
    pub(super) fn note_pass(&mut self, file: &SetFile, pass: &Pass) {
        if let Some(line) = pass.unfinished {
            self.report.note(format!(
                "{}:{line}: the last line has no line end, so it may be incomplete: it is imported once it has one",
                file.name()
            ));
        }
    }

    /// Brings a batch into the log with its marks and the journal's, and counts what happened to it.
    pub(super) fn submit(
        &mut self,
        file: &SetFile,
        batch: &mut Batch,
        marks: Vec<ImportProgress>,
        journal: &mut Journal,
        (bytes_read, bytes_total): (u64, u64),
    ) -> Result<(), ImportError> {
        let mut batch = batch.take();
        let events = std::mem::take(&mut batch.events);
        let count = events.len();
        self.newest = events.iter().map(|event| event.at).max().unwrap_or_default().max(self.newest);
        let at = self.newest;
        // Which rows are refused is known when the log is about to take the others: their marks belong into the same batch.
        let pinned = if count > 0 { std::mem::take(&mut self.pinned) } else { Vec::new() };
        let kind = self.kind;
        let mut all_marks = |rejected: &[usize]| {
            let entries = journal.marks(kind, &batch.entries(rejected));
            let event = |mark| Event { at, id: None, origin: Origin::Import, body: EventBody::ImportProgress(mark) };
            marks.iter().chain(&pinned).cloned().chain(entries).map(event).collect::<Vec<_>>()
        };
        let outcome = if count == 0 && marks.is_empty() && batch.entries(&[]).is_empty() {
            SinkOutcome::default()
        } else {
            self.sink.submit(events, &mut all_marks).map_err(ImportError::Sink)?
        };

        let mut taken = vec![true; count];
        for place in outcome.duplicates {
            if let Some(taken) = taken.get_mut(place) {
                *taken = false;
                self.report.duplicates += 1;
            }
        }
        let mut refused = std::mem::take(&mut batch.refused);
        let mut rejected = Vec::with_capacity(outcome.rejected.len());
        for (place, reason) in outcome.rejected {
            let Some(taken) = taken.get_mut(place) else {
                return Err(ImportError::Sink(format!("it refused a mark of progress: {reason}").into()));
            };
            *taken = false;
            rejected.push(place);
            refused.push((batch.line_of(place), reason));
        }
        rejected.sort_unstable();
        journal.written(&batch.entries(&rejected));
        for (kind, taken) in batch.kinds.iter().zip(taken) {
            if taken {
                self.report.count(*kind);
            }
        }
        let name = file.name();
        // A row that stands for several events may be refused for each of them, for one reason.
        refused.sort();
        refused.dedup();
        for (line, reason) in refused {
            self.report.reject(&name, line, reason);
        }
        for name in &batch.skipped {
            self.report.skip(name);
        }
        self.report.rows += batch.new_rows + batch.taken_now(&rejected);
        self.report.rows_refused_again += batch.refused_again(&rejected);
        let status = ImportStatus { file: &name, rows: self.report.rows, bytes_read, bytes_total };
        match (self.options.on_progress)(&status) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ImportError::Stopped(Box::default())),
        }
    }
}

/// The role of what is decided of a whole file.
fn facts(role: &str) -> String {
    format!("{role}/facts")
}

/// The error for a damaged file; the log has `rows` of its rows.
pub(super) fn broken(file: &SetFile, fault: FileFault, rows: u64) -> ImportError {
    ImportError::Fault { file: file.name(), line: fault.line, reason: fault.reason, rows, report: Box::default() }
}
