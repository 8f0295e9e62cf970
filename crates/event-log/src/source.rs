//! The reading side of a log.

use std::time::Duration;

use foryou_types::{LogTime, TimeMs};

use crate::error::LogError;
use crate::event::{Event, Topic};
use crate::position::Position;

/// An event in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number in the order in which this log gives all events: the events of the position before it ([`Position::events`]).
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

/// The end of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogHead {
    /// The end.
    pub position: Position,
    /// The time of the imported events: the log clock. Empty while nothing was imported.
    pub imported: LogTime,
}

/// What a log offers its readers.
///
/// Every log promises: events of one partition come in the order of their offsets, which are dense from 0; what was read once is read
/// again as it was. How the partitions' events lie between each other may differ from one reading to the next, so what a reader makes of
/// them must not depend on it.
///
/// Only a log with one order of all events (the embedded one, [`crate::MemoryLog`]) promises more: [`Self::read_from`] gives the events
/// in the order in which they were appended, batch by batch, [`Record::seq`] is their number in it, and each position between two
/// batches has a check, which [`Self::holds`] compares.
pub trait EventSource: Send + Sync {
    /// The end of the log.
    fn head(&self) -> LogHead;

    /// Waits until the log has an event that `position` does not cover, at most `timeout`; says whether it has.
    fn wait_past(&self, position: &Position, timeout: Duration) -> bool;

    /// Whether the log holds exactly the events that a projection at `position` has covered.
    fn holds(&self, position: &Position) -> Result<bool, LogError>;

    /// The position at which `events` events are covered, in a log with one order of all events. `None` where there is no such order
    /// or there are not so many events.
    fn position_at(&self, events: u64) -> Result<Option<Position>, LogError>;

    /// All events that `from` does not cover, in batches: calls `apply` with each whole batch (or the rest of the one `from` lies
    /// in) and the position after it, until the end of the log or until `apply` says `false`. `from` must be a position that the log
    /// gave.
    fn read_from(&self, from: &Position, apply: &mut dyn FnMut(Vec<Record>, &Position) -> bool)
    -> Result<(), LogError>;

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
}
