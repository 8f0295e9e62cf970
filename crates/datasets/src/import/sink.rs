//! Where an importer's events go.

use std::error::Error;

use event_log::{AppendError, Event, EventLog};
use foryou_types::Names;

/// A failure of a sink, in its own words.
pub type SinkError = Box<dyn Error + Send + Sync>;

/// Answers the marks of a batch, when it is known which of its events are refused.
pub type Marks<'a> = &'a mut dyn FnMut(&[usize]) -> Vec<Event>;

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkOutcome {
    /// Events taken, marks not counted.
    pub accepted: usize,
    /// Places in the batch of events whose id was there already.
    pub duplicates: Vec<usize>,
    /// Places in the batch of events that were refused, with the reason.
    pub rejected: Vec<(usize, String)>,
}

/// A log, as an importer sees it.
pub trait ImportSink {
    /// Takes a batch of events, and with it the marks that `marks` answers to the places (ascending) of the events that
    /// are refused. It may be asked more than once; the last answer counts.
    ///
    /// What is taken is taken at once: after a crash all of it is there or none. Marks are never refused.
    fn submit(&self, events: Vec<Event>, marks: Marks<'_>) -> Result<SinkOutcome, SinkError>;

    /// Hashes of the rows that `role` of a set of `kind` has in the log, by row
    /// ([`EventLog::import_progress`]).
    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError>;

    /// The dictionary of string ids, with every name submitted so far.
    fn names(&self) -> &dyn Names;
}

/// A bare log as a sink, without the checks that a data folder's ingestion makes: for tests, and to turn a set into a log
/// ([`event_log::MemoryLog`]) without projections.
#[derive(Clone, Copy)]
pub struct LogSink<'a, L>(pub &'a L);

impl<L: EventLog> ImportSink for LogSink<'_, L> {
    fn submit(&self, events: Vec<Event>, marks: Marks<'_>) -> Result<SinkOutcome, SinkError> {
        // The log takes a batch wholly or names one event it cannot store: that one is left out, and the rest tried again.
        let mut rejected: Vec<(usize, String)> = Vec::new();
        let mut left: Vec<(usize, Event)> = events.into_iter().enumerate().collect();
        loop {
            let mut places: Vec<usize> = rejected.iter().map(|(place, _)| *place).collect();
            places.sort_unstable();
            let marks = marks(&places);
            let count = marks.len();
            match self.0.append(left.iter().map(|(_, event)| event.clone()).chain(marks).collect()) {
                Ok(appended) => {
                    let duplicates = appended.duplicates.iter().filter_map(|&i| Some(left.get(i)?.0)).collect();
                    return Ok(SinkOutcome { accepted: appended.accepted - count, duplicates, rejected });
                }
                Err(AppendError::Event { index, reason }) if index < left.len() => {
                    rejected.push((left.remove(index).0, reason));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError> {
        Ok(self.0.import_progress(kind, role)?)
    }

    fn names(&self) -> &dyn Names {
        self.0
    }
}
