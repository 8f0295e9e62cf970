//! A log that misbehaves as it is told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use foryou_types::TimeMs;
use parking_lot::Mutex;

use crate::error::LogError;
use crate::event::Topic;
use crate::memory::MemoryLog;
use crate::position::Position;
use crate::source::{EventSource, LogHead, Record};

/// A log in memory whose reading fails where a test says so. Records are named by partition and offset.
#[derive(Debug, Default)]
pub struct FaultyLog {
    /// What is read.
    pub log: MemoryLog,
    /// Records that cannot be read.
    pub corrupt: BTreeSet<(u16, u64)>,
    /// A record whose reading panics.
    pub panics: Option<(u16, u64)>,
    /// Readings of a partition that fail before one succeeds.
    pub failures: AtomicUsize,
    /// Waiting never says that there is news.
    pub deaf: AtomicBool,
    /// Reading all topics together fails after the first batch.
    pub breaks: bool,
    /// The moments whose offsets were asked for.
    pub asked_from: Mutex<Vec<TimeMs>>,
}

fn damage() -> LogError {
    LogError::Corrupt { path: "segment".to_owned(), problem: "checksum".to_owned() }
}

impl EventSource for FaultyLog {
    fn head(&self) -> LogHead {
        self.log.head()
    }

    fn wait_past(&self, position: &Position, timeout: Duration) -> bool {
        if self.deaf.load(Ordering::SeqCst) {
            std::thread::sleep(timeout);
            return false;
        }
        self.log.wait_past(position, timeout)
    }

    fn holds(&self, position: &Position) -> Result<bool, LogError> {
        self.log.holds(position)
    }

    fn position_at(&self, events: u64) -> Result<Option<Position>, LogError> {
        self.log.position_at(events)
    }

    fn read_from(
        &self,
        from: &Position,
        apply: &mut dyn FnMut(Vec<Record>, &Position) -> bool,
    ) -> Result<(), LogError> {
        self.log.read_from(from, &mut |records, position| apply(records, position) && !self.breaks)?;
        if self.breaks { Err(damage()) } else { Ok(()) }
    }

    fn read_partition(
        &self,
        topic: Topic,
        partition: u16,
        offset: u64,
        apply: &mut dyn FnMut(Record) -> bool,
    ) -> Result<(), LogError> {
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            let source = std::io::Error::other("gone");
            return Err(LogError::Io { what: "reading", path: "disk".to_owned(), source });
        }
        let mut outcome = Ok(());
        self.log.read_partition(topic, partition, offset, &mut |record| {
            assert_ne!(self.panics, Some((partition, record.offset)), "a reader's bug");
            if self.corrupt.contains(&(partition, record.offset)) {
                outcome = Err(damage());
                return false;
            }
            apply(record)
        })?;
        outcome
    }

    fn partitions(&self, topic: Topic) -> u16 {
        self.log.partitions(topic)
    }

    fn end_offset(&self, topic: Topic, partition: u16) -> u64 {
        self.log.end_offset(topic, partition)
    }

    fn offset_for_time(&self, topic: Topic, partition: u16, at: TimeMs) -> Result<u64, LogError> {
        self.asked_from.lock().push(at);
        self.log.offset_for_time(topic, partition, at)
    }
}
