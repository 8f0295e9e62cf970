//! A data folder as the importers' sink.

use std::cell::Cell;
use std::sync::Arc;

use datasets::import::{ImportSink, Marks, SinkError, SinkOutcome};
use event_log::{Event, ImportLedger};
use foryou_types::{DayTimes, Dictionary, TimeMs};
use state_store::Ingestor;

/// Hands an importer's events to a folder's ingestion, which checks them and keeps the projections current.
pub struct FolderSink {
    ledger: Arc<dyn ImportLedger>,
    names: Arc<dyn Dictionary>,
    ingestor: Arc<Ingestor>,
    submitted: Cell<u64>,
    times: Cell<Times>,
}

/// By what the times of a batch are judged.
#[derive(Clone, Copy)]
enum Times {
    /// By the batch: the importer did not say what times come.
    OfBatch,
    /// By all times that come; the last sound one, if not all are.
    OfAll(Option<TimeMs>),
}

impl FolderSink {
    /// A sink into a folder: what was imported into it, its string ids, and its one way in.
    pub fn new(ledger: Arc<dyn ImportLedger>, names: Arc<dyn Dictionary>, ingestor: Arc<Ingestor>) -> Self {
        Self { ledger, names, ingestor, submitted: Cell::new(0), times: Cell::new(Times::OfBatch) }
    }

    /// Events appended so far.
    pub fn submitted(&self) -> u64 {
        self.submitted.get()
    }
}

impl ImportSink for FolderSink {
    fn judge(&self, times: &DayTimes) {
        self.times.set(Times::OfAll(self.ingestor.last_before_gap(times)));
    }

    fn submit(&self, events: Vec<Event>, marks: Marks<'_>) -> Result<SinkOutcome, SinkError> {
        self.submitted.set(self.submitted.get() + events.len() as u64);
        let outcome = match self.times.get() {
            Times::OfAll(last) => self.ingestor.submit_until(events, last, marks)?,
            Times::OfBatch => self.ingestor.submit_with(events, marks)?,
        };
        Ok(SinkOutcome {
            accepted: outcome.accepted,
            duplicates: outcome.duplicates,
            rejected: outcome.rejected.into_iter().map(|r| (r.index, r.reason)).collect(),
        })
    }

    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError> {
        Ok(self.ledger.import_progress(kind, role)?)
    }

    fn names(&self) -> &dyn Dictionary {
        &*self.names
    }
}
