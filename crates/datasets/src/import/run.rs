//! One run of an importer: batches of rows with their marks of progress, and the checks in front of them.

use std::ops::ControlFlow;

use event_log::{Event, EventBody, ImportProgress, Origin};
use foryou_types::{Names, TimeMs};

use super::{
    ImportError, ImportReport, ImportSink,
    files::{Meter, RowOrder, SetFile},
    report::Sort,
    rows::{FileFault, Row, for_each_row},
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
    /// Bytes of the (packed) file read; where the rows are sorted, its bytes times the share of the rows that is imported.
    pub bytes_read: u64,
    /// Bytes of the (packed) file.
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

/// What the rows of a batch became.
#[derive(Default)]
pub(super) struct Mapped {
    events: Vec<Event>,
    /// Rows that are sound, but no event.
    skipped: Vec<&'static str>,
}

impl Mapped {
    /// Adds an event.
    pub(super) fn push(&mut self, at: TimeMs, body: EventBody) {
        self.push_event(Event { at, id: None, origin: Origin::Import, body });
    }

    /// Adds an event that has an id of its own.
    pub(super) fn push_event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.skipped.clear();
    }

    /// Counts the row under a name in [`ImportReport::skipped`].
    pub(super) fn skip(&mut self, name: &'static str) {
        self.skipped.push(name);
    }
}

/// Rows on their way into the log.
#[derive(Default)]
pub(super) struct Batch {
    mapped: Mapped,
    /// Per event, the line of its row.
    lines: Vec<u64>,
    refused: Vec<(u64, String)>,
    rows: u64,
    bytes: usize,
}

impl Batch {
    /// Adds a row.
    pub(super) fn add(&mut self, line: u64, bytes: usize, map: impl FnOnce(&mut Mapped) -> Result<(), String>) {
        let (events, skipped) = (self.mapped.events.len(), self.mapped.skipped.len());
        if let Err(reason) = map(&mut self.mapped) {
            self.mapped.events.truncate(events);
            self.mapped.skipped.truncate(skipped);
            self.refused.push((line, reason));
        }
        self.lines.resize(self.mapped.events.len(), line);
        self.rows += 1;
        self.bytes += bytes;
    }

    /// Events so far.
    pub(super) fn events(&self) -> usize {
        self.mapped.events.len()
    }
}

/// One run.
pub struct Run<'a> {
    kind: &'static str,
    sink: &'a dyn ImportSink,
    options: ImportOptions<'a>,
    pub(super) report: ImportReport,
    /// Time of the newest event so far: where the marks of progress stand.
    newest: TimeMs,
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
        Self { kind: identity, sink, options, report, newest: TimeMs::default() }
    }

    /// The dictionary of the log.
    pub(super) fn names(&self) -> &'a dyn Names {
        self.sink.names()
    }

    /// Rows of a batch.
    pub(super) fn batch_rows(&self) -> usize {
        self.options.batch_rows.max(1)
    }

    /// Hashes of the rows that the log has for a role.
    pub(super) fn progress(&self, role: &str) -> Result<Vec<u32>, ImportError> {
        self.sink.progress(self.kind, role).map_err(ImportError::Sink)
    }

    /// Refuses a file whose rows are not those that were imported, and one that has no rows at all.
    pub(super) fn verify(&self, file: &SetFile) -> Result<(), ImportError> {
        let role = match file.order {
            RowOrder::File => file.role.to_owned(),
            RowOrder::Time => super::ordered::planned(file.role),
        };
        let known = self.progress(&role)?;
        let (mut rows, mut last_line) = (0, 0);
        let fault = for_each_row(file, &Meter::default(), &mut |row| {
            (rows, last_line) = (rows + 1, row.line);
            check(file, &known, row)?;
            Ok(if rows < known.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        match fault {
            Some(fault) if rows < known.len() => Err(broken(file, fault, known.len() as u64)),
            None if rows == 0 && known.is_empty() => Err(ImportError::NoRows { file: file.name() }),
            None if rows < known.len() => Err(ImportError::Changed {
                file: file.name(),
                line: last_line + 1,
                problem: format!("the file ends after {rows} rows, and {} were imported", known.len()),
            }),
            _ => Ok(()),
        }
    }

    /// Imports the rows of a file that the log does not have, in their order.
    pub(super) fn import_rows(&mut self, file: &SetFile, mapper: &mut dyn RowMapper) -> Result<(), ImportError> {
        let known = self.progress(file.role)?;
        self.report.rows_already_there += known.len() as u64;
        let mut first_row = known.len() as u64;
        let mut batch = Batch::default();
        let mut hashes = Vec::new();
        let meter = Meter::default();
        let fault = for_each_row(file, &meter, &mut |row| {
            if row.number < known.len() as u64 {
                check(file, &known, row)?;
                mapper.known(row);
                return Ok(ControlFlow::Continue(()));
            }
            batch.add(row.line, row.len(), |out| mapper.map(row, out));
            hashes.push(row.hash);
            if hashes.len() >= self.batch_rows() || batch.bytes >= MAX_BATCH_BYTES {
                let mark = self.mark(file.role.to_owned(), first_row, std::mem::take(&mut hashes));
                first_row = row.number + 1;
                self.submit(file, &mut batch, vec![mark], meter.bytes())?;
                mapper.submitted();
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(fault) = fault {
            return Err(broken(file, fault, first_row));
        }
        if !hashes.is_empty() {
            let mark = self.mark(file.role.to_owned(), first_row, hashes);
            self.submit(file, &mut batch, vec![mark], meter.bytes())?;
            mapper.submitted();
        }
        Ok(())
    }

    /// Shows all rows of a file to the mapper as if the log had them. None is imported or marked: those that the log
    /// does not have are left to a later run.
    pub(super) fn look_at_rows(&mut self, file: &SetFile, mapper: &mut dyn RowMapper) -> Result<(), ImportError> {
        let known = self.progress(file.role)?;
        self.report.rows_already_there += known.len() as u64;
        let fault = for_each_row(file, &Meter::default(), &mut |row| {
            check(file, &known, row)?;
            mapper.known(row);
            Ok(ControlFlow::Continue(()))
        })?;
        fault.map_or(Ok(()), |fault| Err(broken(file, fault, known.len() as u64)))
    }

    /// A mark of progress.
    pub(super) fn mark(&self, role: String, first_row: u64, row_hashes: Vec<u32>) -> ImportProgress {
        ImportProgress { kind: self.kind.to_owned(), role, first_row, row_hashes }
    }

    /// Brings a batch into the log with its marks, and counts what became of it.
    pub(super) fn submit(
        &mut self,
        file: &SetFile,
        batch: &mut Batch,
        marks: Vec<ImportProgress>,
        (bytes_read, bytes_total): (u64, u64),
    ) -> Result<(), ImportError> {
        let Batch { mapped: Mapped { mut events, skipped }, lines, mut refused, rows, .. } = std::mem::take(batch);
        let sorts: Vec<Sort> = events.iter().map(Sort::of).collect();
        self.newest = events.iter().map(|event| event.at).max().unwrap_or_default().max(self.newest);
        events.extend(marks.into_iter().map(|mark| Event {
            at: self.newest,
            id: None,
            origin: Origin::Import,
            body: EventBody::ImportProgress(mark),
        }));

        let outcome = self.sink.submit(events).map_err(ImportError::Sink)?;
        let mut taken = vec![true; sorts.len()];
        for place in outcome.duplicates {
            if let Some(taken) = taken.get_mut(place) {
                *taken = false;
                self.report.duplicates += 1;
            }
        }
        for (place, reason) in outcome.rejected {
            let Some(taken) = taken.get_mut(place) else {
                return Err(ImportError::Sink(format!("it refused a mark of progress: {reason}").into()));
            };
            *taken = false;
            refused.push((lines[place], reason));
        }
        for (sort, taken) in sorts.into_iter().zip(taken) {
            if taken {
                self.report.count(sort);
            }
        }
        let name = file.name();
        // A row that stands for several events may be refused for each of them, for one reason.
        refused.sort();
        refused.dedup();
        for (line, reason) in refused {
            self.report.reject(&name, line, reason);
        }
        for name in skipped {
            self.report.skip(name);
        }
        self.report.rows += rows;
        let status = ImportStatus { file: &name, rows: self.report.rows, bytes_read, bytes_total };
        match (self.options.on_progress)(&status) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ImportError::Stopped(Box::default())),
        }
    }
}

/// Refuses a row that differs from the one imported in its place.
pub(super) fn check(file: &SetFile, known: &[u32], row: &Row<'_>) -> Result<(), ImportError> {
    match known.get(row.number as usize) {
        Some(hash) if *hash != row.hash => Err(ImportError::Changed {
            file: file.name(),
            line: row.line,
            problem: format!("row {} differs from the one that was imported in its place", row.number + 1),
        }),
        _ => Ok(()),
    }
}

/// The error for a damaged file of which `rows` are in the log.
pub(super) fn broken(file: &SetFile, fault: FileFault, rows: u64) -> ImportError {
    ImportError::Fault { file: file.name(), line: fault.line, reason: fault.reason, rows, report: Box::default() }
}
