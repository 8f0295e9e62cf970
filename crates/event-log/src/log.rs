//! What every log promises.
//!
//! * [`EventLog::append`] is atomic: after a crash the log holds whole batches and nothing else, and every batch that was
//!   acknowledged (as far as the fsync policy reaches).
//! * Every event has a place in the order of all events ([`Record::seq`], dense from 0) and an offset in its topic's partition.
//! * An event whose `id` is already in the log is a duplicate: it is not appended again.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use foryou_io::Holder;
use foryou_types::{LogTime, Names, TimeMs};
use rustc_hash::FxHashSet;
use thiserror::Error;

use crate::event::{Event, Topic};

/// An event in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Place in the order of all events, dense from 0.
    pub seq: u64,
    /// Its topic.
    pub topic: Topic,
    /// The partition of its topic.
    pub partition: u16,
    /// Its offset in that partition, dense from 0.
    pub offset: u64,
    /// The event.
    pub event: Event,
}

/// How far a reader or projection has come: all events with `seq < next_seq`.
///
/// `check` is the checksum of the batch that ends there. With it a projection notices that the log lost its tail (a power cut) and
/// continued with other events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The first event not covered.
    pub next_seq: u64,
    /// Checksum of the batch that ends at `next_seq`; 0 at the start.
    pub check: u64,
}

/// The end of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogHead {
    /// The end.
    pub position: Position,
    /// The time of the imported events: the log clock. Empty while nothing was imported.
    pub imported: LogTime,
}

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

/// A damaged place of a log, and the events concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment file; for a missing one, the name it would have.
    pub path: PathBuf,
    /// The byte at which the damage begins.
    pub offset: u64,
    /// Bytes up to the next whole batch or the end of the file; 0 if that is unknown or no bytes are damaged.
    pub bytes: u64,
    /// What is wrong there.
    pub problem: String,
    /// The first event concerned.
    pub first_seq: u64,
    /// The first event behind the damage that can be read; `None` if nothing behind it tells how many events are damaged.
    pub next_seq: Option<u64>,
}

impl Damage {
    /// Events that cannot be read, as far as can be known.
    pub fn events(&self) -> Option<u64> {
        self.next_seq.map(|next| next.saturating_sub(self.first_seq))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: damaged at byte {}: {}; ", self.path.display(), self.offset, self.problem)?;
        match (self.events(), self.first_seq) {
            (Some(0), _) => write!(f, "no event is lost"),
            (Some(1), first) => write!(f, "event {first} cannot be read"),
            (Some(n), first) => write!(f, "{n} events ({first} to {}) cannot be read", first + n - 1),
            (None, first) => write!(f, "an unknown number of events from {first} on cannot be read"),
        }
    }
}

/// The log cannot be read or written.
#[derive(Debug, Error)]
pub enum LogError {
    /// Reading or writing failed.
    #[error("{what} {path}: {source}")]
    Io {
        /// The operation.
        what: &'static str,
        /// On which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A part of the log is damaged.
    #[error("{0}; `foryou doctor` lists all damage, `foryou doctor --repair` keeps what is whole")]
    Damaged(Box<Damage>),
    /// Acknowledged events are missing from the log.
    #[error(
        "{path}: the log ends after {held} events, but {witness} knows {known}: {} acknowledged events are missing; put the log \
         back, or let `foryou doctor --repair` go on without them", .known.saturating_sub(*.held)
    )]
    Missing {
        /// The folder of the log.
        path: String,
        /// Events the log holds.
        held: u64,
        /// Events that were acknowledged.
        known: u64,
        /// The source of that knowledge.
        witness: &'static str,
    },
    /// The profile would give stored events another meaning.
    #[error(
        "{path}: its events were written under another profile: {}; put profile.toml back (new actions go at the end), or \
         `foryou dump` the folder and `foryou restore` it under the profile you want", .changes.join("; ")
    )]
    Meaning {
        /// The folder of the log.
        path: String,
        /// What changed, in words.
        changes: Vec<String>,
    },
    /// The log was opened read-only.
    #[error("{path} was opened read-only")]
    ReadOnly {
        /// The folder.
        path: String,
    },
    /// The folder is used by another process.
    #[error("{path} is in use by {holder}: wait for it, or stop it first")]
    InUse {
        /// The folder.
        path: String,
        /// The process.
        holder: Holder,
    },
    /// The log holds something this version cannot read.
    #[error("{path}: {problem}")]
    Corrupt {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The index of the log failed.
    #[error("index {path}: {problem}")]
    Index {
        /// The folder.
        path: String,
        /// What is wrong.
        problem: String,
    },
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

/// A log of events.
pub trait EventLog: Names + Send + Sync {
    /// Appends a batch, wholly or not at all.
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

    /// The end of the log.
    fn head(&self) -> LogHead;

    /// Waits until the log's end is past `next_seq`, at most `timeout`; says whether it is.
    fn wait_past(&self, next_seq: u64, timeout: Duration) -> bool;

    /// Whether the log holds exactly the events that a projection at `position` has covered.
    fn holds(&self, position: Position) -> Result<bool, LogError>;

    /// All events from `next_seq` on, in order, in batches: calls `apply` with each whole batch (or the rest of the one `from`
    /// points into) and the position after it, until the end of the log or until `apply` says `false`.
    fn read_from(&self, from: u64, apply: &mut dyn FnMut(Vec<Record>, Position) -> bool) -> Result<(), LogError>;

    /// The events of one partition of a topic from an offset on, until the end or until `apply` says `false`.
    fn read_partition(
        &self,
        topic: Topic,
        partition: u16,
        offset: u64,
        apply: &mut dyn FnMut(Record) -> bool,
    ) -> Result<(), LogError>;

    /// Number of partitions of a topic.
    fn partitions(&self, topic: Topic) -> u16;

    /// The offset after the newest event of a partition.
    fn end_offset(&self, topic: Topic, partition: u16) -> u64;

    /// An offset of a partition such that every earlier event is older than `at`.
    fn offset_for_time(&self, topic: Topic, partition: u16, at: TimeMs) -> Result<u64, LogError>;

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
pub fn append_storable<L: EventLog + ?Sized>(
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
        Err(AppendError::Refused(again)) => {
            Err(LogError::Corrupt { path: "batch".to_owned(), problem: describe(&again) })
        }
    }
}
