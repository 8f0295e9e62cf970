//! Where an importer's events go.

use std::error::Error;

use event_log::{Event, EventLog, append_storable};
use foryou_types::{DayTimes, Dictionary};

/// A failure of a sink, in its own words.
pub type SinkError = Box<dyn Error + Send + Sync>;

/// Returns the marks of a batch, once it is known which of its events are refused.
pub type Marks<'a> = &'a mut dyn FnMut(&[usize]) -> Vec<Event>;

/// What happened to a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkOutcome {
    /// Events taken, marks not counted.
    pub accepted: usize,
    /// Places in the batch of events that changed nothing: their id was there already, or what they say was so already.
    pub duplicates: Vec<usize>,
    /// Places in the batch of events that were refused, with the reason.
    pub rejected: Vec<(usize, String)>,
}

/// A log, as an importer sees it.
pub trait ImportSink {
    /// Is told the times of all events that the following batches may have, where an importer knows them: a sink can then tell
    /// a pause from a few wrong times, whatever the batches are.
    fn judge(&self, _times: &DayTimes) {}

    /// Takes a batch of events, and with it the marks that `marks` answers to the places (ascending) of the events that
    /// are refused. It may be asked more than once; the last answer counts.
    ///
    /// What is taken is taken at once: after a crash all of it is there or none. Marks are never refused.
    fn submit(&self, events: Vec<Event>, marks: Marks<'_>) -> Result<SinkOutcome, SinkError>;

    /// Hashes of the rows that `role` of a set of `kind` has in the log, by row
    /// ([`event_log::ImportLedger`]).
    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError>;

    /// The dictionary of string ids, with every name submitted so far.
    fn names(&self) -> &dyn Dictionary;
}

/// A bare log as a sink, without the checks that a data folder's ingestion makes: for tests, and to turn a set into a log
/// ([`event_log::MemoryLog`]) without projections.
#[derive(Clone, Copy)]
pub struct LogSink<'a, L>(pub &'a L);

impl<L: EventLog> ImportSink for LogSink<'_, L> {
    fn submit(&self, events: Vec<Event>, marks: Marks<'_>) -> Result<SinkOutcome, SinkError> {
        let stored = append_storable(self.0, &events, marks)?;
        Ok(SinkOutcome {
            accepted: stored.appended.accepted - stored.marks.len(),
            duplicates: stored.appended.duplicates,
            rejected: stored.refused.into_iter().map(|refusal| (refusal.index, refusal.reason)).collect(),
        })
    }

    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError> {
        Ok(self.0.import_progress(kind, role)?)
    }

    fn names(&self) -> &dyn Dictionary {
        self.0
    }
}
