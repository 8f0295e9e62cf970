//! The importers on small invented sets, and (where they are there) on the published ones.

mod deskdrop;
mod events;
mod faults;
mod globo;
mod higgs;
mod kuairand;
mod mind;
mod published;
mod recbole;

use std::{
    cell::Cell,
    fs,
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use event_log::{Event, EventBody, EventSource, MemoryLog, Position};
use foryou_types::Dictionary;
use tempfile::TempDir;

use super::{external_sort::Sorting, *};

/// Sorting in runs of so few rows that even invented sets have several.
fn runs_of(run_rows: usize) -> Sorting {
    Sorting { run_rows, ..Sorting::default() }
}

/// A set in a folder of its own.
struct Set(TempDir);

impl Set {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, packed as its name says.
    fn with(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), pack(name, text.as_bytes())).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The lines of a file, one per item.
fn lines<T>(items: impl IntoIterator<Item = T>, line: impl Fn(T) -> String) -> String {
    items.into_iter().map(|item| line(item) + "\n").collect::<Vec<_>>().concat()
}

fn pack(name: &str, text: &[u8]) -> Vec<u8> {
    match Path::new(name).extension().and_then(|e| e.to_str()) {
        Some("gz") => {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text).unwrap();
            gz.finish().unwrap()
        }
        Some("zst") => {
            // The long window of `zstd --long=27`, which a decoder with default limits refuses.
            let mut zst = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
            zst.long_distance_matching(true).unwrap();
            zst.window_log(27).unwrap();
            zst.write_all(text).unwrap();
            zst.finish().unwrap()
        }
        Some("zip") => {
            let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(name.trim_end_matches(".zip"), options).unwrap();
            zip.write_all(text).unwrap();
            zip.finish().unwrap().into_inner()
        }
        _ => text.to_vec(),
    }
}

/// A sink that fails at one of its batches, before it takes it.
struct Interrupted<'a> {
    log: &'a MemoryLog,
    batches_left: Cell<usize>,
}

impl ImportSink for Interrupted<'_> {
    fn submit(&self, events: Vec<Event>, marks: Marks<'_>) -> Result<SinkOutcome, SinkError> {
        let left = self.batches_left.get().checked_sub(1).ok_or("interrupted")?;
        self.batches_left.set(left);
        LogSink(self.log).submit(events, marks)
    }

    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError> {
        LogSink(self.log).progress(kind, role)
    }

    fn names(&self) -> &dyn Dictionary {
        self.log
    }
}

fn run_into(importer: &Importer, sink: &dyn ImportSink, batch_rows: usize) -> Result<ImportReport, ImportError> {
    import(importer, sink, ImportOptions { batch_rows, on_progress: &mut |_| ControlFlow::Continue(()) })
}

/// The report of an import; `None` where none of the rows was sound, so that there is nothing to compare.
fn taken(result: Result<ImportReport, ImportError>) -> Option<ImportReport> {
    match result {
        Err(ImportError::NothingTaken { .. }) => None,
        result => Some(result.unwrap()),
    }
}

/// Imports a set into a log, in batches of 3 rows.
fn import_set(kind: &str, path: &Path, log: &MemoryLog) -> Result<ImportReport, ImportError> {
    run_into(&open(kind, path, None)?, &LogSink(log), 3)
}

/// Every event of a log, without marks of progress.
fn events_of(log: &MemoryLog) -> Vec<Event> {
    let mut events = Vec::new();
    log.read_from(&Position::default(), &mut |records, _| {
        events.extend(records.into_iter().map(|r| r.event));
        true
    })
    .unwrap();
    events.retain(|e| !matches!(e.body, EventBody::ImportProgress(_)));
    events
}

/// Interrupts an import at every one of its batches, continues, and compares with the undisturbed import.
fn interrupt_everywhere(importer: &Importer, batch_rows: usize) {
    let whole = MemoryLog::default();
    let Some(report) = taken(run_into(importer, &LogSink(&whole), batch_rows)) else { return };
    let expected = events_of(&whole);
    let mut interruptions = 0;
    for batches in 0.. {
        let log = MemoryLog::default();
        match run_into(importer, &Interrupted { log: &log, batches_left: Cell::new(batches) }, batch_rows) {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, ImportError::Sink(_)), "{error}"),
        }
        interruptions += 1;
        let before = events_of(&log).len();
        let rest = run_into(importer, &LogSink(&log), batch_rows).unwrap();
        assert_eq!(events_of(&log), expected, "interrupted after {batches} batches of {batch_rows}");
        assert_eq!(rest.rows + rest.rows_already_there + rest.rows_refused_again, report.rows);
        assert_eq!(rest.rows_already_there + rest.rows_refused_again > 0, batches > 0);
        assert_eq!(before > 0, batches > 0 && rest.imported.total() < report.imported.total());
        assert_eq!(run_into(importer, &LogSink(&log), batch_rows).unwrap().rows, 0, "a second import adds nothing");
    }
    assert!(interruptions > 0);
}
