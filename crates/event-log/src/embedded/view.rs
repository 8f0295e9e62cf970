//! What readers of a log see: the segments up to a published end.

use std::ops::ControlFlow;

use foryou_types::TimeMs;

use crate::batch::Layout;
use crate::error::LogError;
use crate::event::Topic;
use crate::position::Position;
use crate::segment::BatchEnd;
use crate::segment::chain::{Chain, Visit};
use crate::segment::record::RecordHeader;
use crate::segment::tail::Tail;
use crate::source::{LogHead, Record};

/// The log up to an end.
#[derive(Clone)]
pub(super) struct View {
    pub(super) chain: Chain,
    pub(super) head: LogHead,
    /// Per slot, the next offset.
    pub(super) ends: Vec<u64>,
    /// Per slot, the newest time in the newest segment.
    pub(super) newest_at: Vec<i64>,
}

impl View {
    pub(super) fn new(chain: Chain, tail: &Tail) -> Self {
        Self { chain, head: tail.head(), ends: tail.ends.clone(), newest_at: tail.newest_at.clone() }
    }

    pub(super) fn holds(&self, layout: Layout, position: &Position) -> Result<bool, LogError> {
        let events = position.events();
        if events >= self.head.position.events() {
            return Ok(*position == self.head.position && position.check() == self.head.position.check());
        }
        match position.check() {
            Some(check) => self.chain.holds(BatchEnd { next_seq: events, check }),
            None => Ok(self.position_at(layout, events)?.as_ref() == Some(position)),
        }
    }

    /// The position at which so many events are covered; `None` beyond the end.
    pub(super) fn position_at(&self, layout: Layout, events: u64) -> Result<Option<Position>, LogError> {
        if events >= self.head.position.events() {
            return Ok((events == self.head.position.events()).then(|| self.head.position.clone()));
        }
        self.chain.position_at(layout, events).map(Some)
    }

    /// Reads the events that `from` does not cover, see [`crate::EventSource::read_from`].
    pub(super) fn read_from(
        &self,
        layout: Layout,
        from: &Position,
        apply: &mut dyn FnMut(Vec<Record>, &Position) -> bool,
    ) -> Result<(), LogError> {
        let next_seq = from.events();
        if next_seq >= self.head.position.events() {
            return Ok(());
        }
        let Some(mut ends) = layout.ends(from) else { return Err(foreign(from)) };
        self.chain.visit_from(next_seq, &mut |visit| {
            let mut records = Vec::with_capacity(visit.frame.header.count as usize);
            for found in visit.records() {
                let (seq, found) = found?;
                if seq >= next_seq {
                    // Every event takes one offset: the sum has led to the right place, or the position is of another log.
                    let end = layout.slot(found.topic, found.partition).and_then(|slot| ends.get_mut(slot));
                    match end {
                        Some(end) if *end == found.offset => *end += 1,
                        _ => return Err(foreign(from)),
                    }
                    records.push(record(&visit, seq, &found)?);
                }
            }
            let more = apply(records, &layout.position(&ends, Some(visit.frame.header.end())));
            Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
    }

    pub(super) fn read_partition(
        &self,
        layout: Layout,
        (topic, partition): (Topic, u16),
        offset: u64,
        apply: &mut dyn FnMut(Record) -> bool,
    ) -> Result<(), LogError> {
        let Some(slot) = layout.slot(topic, partition) else { return Ok(()) };
        if offset >= self.ends[slot] {
            return Ok(());
        }
        self.chain.visit_slot(slot, offset, &mut |visit| {
            for found in visit.records() {
                let (seq, found) = found?;
                if (found.topic, found.partition) == (topic, partition)
                    && found.offset >= offset
                    && !apply(record(&visit, seq, &found)?)
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    pub(super) fn offset_for_time(&self, slot: usize, at: TimeMs) -> Result<u64, LogError> {
        self.chain.offset_for_time(slot, at, &self.newest_at, self.ends[slot])
    }
}

/// The error for a position that this log did not give.
fn foreign(position: &Position) -> LogError {
    LogError::Foreign { position: position.to_string() }
}

fn record(visit: &Visit<'_>, seq: u64, record: &RecordHeader<'_>) -> Result<Record, LogError> {
    let event = record.decode().map_err(|problem| visit.error(&format!("event {seq}: {problem}")))?;
    Ok(Record { seq, topic: record.topic, partition: record.partition, offset: record.offset, event })
}
