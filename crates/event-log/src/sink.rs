//! The writing side of a log.

use rustc_hash::FxHashSet;
use thiserror::Error;

use crate::error::LogError;
use crate::event::Event;
use crate::position::Position;
use crate::source::EventSource;

/// What an append did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Events appended.
    pub accepted: usize,
    /// Places in the batch of the events that the log already had.
    pub duplicates: Vec<usize>,
    /// The end of the log after the append: a projection that covers it has seen the whole batch.
    pub position: Position,
}

/// An append that failed.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The log could not be written. Nothing of the batch is in it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// All events of the batch that cannot be stored, so that the rest can be appended without another refusal.
    #[error("{}", describe(.0))]
    Refused(Vec<Refusal>),
}

/// An event that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its place in the batch.
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
}

fn describe(refused: &[Refusal]) -> String {
    let (first, others) = match refused.split_first() {
        Some((first, others)) => (format!("event {}: {}", first.index, first.reason), others.len()),
        None => return "a batch was refused".to_owned(),
    };
    if others == 0 { first } else { format!("{first}; and {others} more") }
}

/// What a log offers its writers.
///
/// Every log promises: an event whose `id` is already in the log is a duplicate and not appended again; what was acknowledged is not lost
/// (as far as the log's policy of syncing reaches); a batch is either refused as a whole, with all events that cannot be stored, or
/// taken.
///
/// Only the embedded log promises more: a batch is in the log wholly or not at all, also after a crash, and readers see it at once.
pub trait EventSink: Send + Sync {
    /// Appends a batch.
    fn append(&self, events: Vec<Event>) -> Result<Appended, AppendError>;

    /// Whether an event with this id is in the log: sent again, it is a duplicate.
    fn has_id(&self, id: &str) -> Result<bool, LogError>;

    /// Whether the last batch could not be written, or not be synced: the disk is full or failed.
    fn failing(&self) -> bool {
        false
    }

    /// Tries to write after a failure. If it succeeds, the log is no longer [`Self::failing`].
    fn recover(&self) -> Result<(), LogError> {
        Ok(())
    }
}

/// Which rows of which sets were imported.
pub trait ImportLedger: Send + Sync {
    /// Hashes of the rows that `role` of a set of `kind` has in the log, by row.
    fn import_progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, LogError>;
}

/// What happened to a batch.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// What the append did: its duplicates are places among the caller's events, its count includes the marks.
    pub appended: Appended,
    /// Which of the caller's events cannot be stored.
    pub refused: Vec<Refusal>,
    /// The marks that were stored behind the events.
    pub marks: Vec<Event>,
}

/// Appends those events of a batch that can be stored, in at most two tries. `marks` gets the places of the events that cannot be
/// stored, and returns marks that are stored behind the others; a log always takes marks.
pub fn append_storable<L: EventSource + EventSink + ?Sized>(
    log: &L,
    events: &[Event],
    marks: &mut dyn FnMut(&[usize]) -> Vec<Event>,
) -> Result<Stored, LogError> {
    let all_marks = marks(&[]);
    if events.is_empty() && all_marks.is_empty() {
        let appended = Appended { position: log.head().position, ..Appended::default() };
        return Ok(Stored { appended, ..Stored::default() });
    }
    let refused = match log.append([events, &all_marks].concat()) {
        Ok(appended) => return Ok(Stored { appended, refused: Vec::new(), marks: all_marks }),
        Err(AppendError::Log(error)) => return Err(error),
        Err(AppendError::Refused(refused)) => refused,
    };
    let bad: Vec<usize> = refused.iter().map(|refusal| refusal.index).collect();
    let (known_bad, marks) = (bad.iter().copied().collect::<FxHashSet<usize>>(), marks(&bad));
    let storable = events.iter().enumerate().filter(|(place, _)| !known_bad.contains(place));
    let (places, mut rest): (Vec<usize>, Vec<Event>) = storable.map(|(place, event)| (place, event.clone())).unzip();
    rest.extend_from_slice(&marks);
    match log.append(rest) {
        Ok(mut appended) => {
            appended.duplicates = appended.duplicates.iter().filter_map(|&i| places.get(i).copied()).collect();
            Ok(Stored { appended, refused, marks })
        }
        Err(AppendError::Log(error)) => Err(error),
        Err(AppendError::Refused(again)) => Err(LogError::RefusedAgain { problem: describe(&again) }),
    }
}
