//! What readers of a log see: the segments up to a published end.

use std::ops::ControlFlow;

use foryou_types::TimeMs;

use crate::batch::Layout;
use crate::event::Topic;
use crate::log::{LogError, LogHead, Position, Record};
use crate::segment::chain::{Chain, Visit};
use crate::segment::record::RecordHeader;
use crate::segment::tail::Tail;

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

    pub(super) fn holds(&self, position: Position) -> Result<bool, LogError> {
        if position.next_seq >= self.head.position.next_seq {
            return Ok(position == self.head.position);
        }
        self.chain.holds(position)
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

/// Reads the events from `from` on, see [`crate::EventLog::read_from`].
pub(super) fn read_from(
    chain: &Chain,
    from: u64,
    apply: &mut dyn FnMut(Vec<Record>, Position) -> bool,
) -> Result<(), LogError> {
    chain.visit_from(from, &mut |visit| {
        let mut records = Vec::with_capacity(visit.frame.header.count as usize);
        for found in visit.records() {
            let (seq, found) = found?;
            if seq >= from {
                records.push(record(&visit, seq, &found)?);
            }
        }
        let more = apply(records, visit.frame.header.end());
        Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })
}

fn record(visit: &Visit<'_>, seq: u64, record: &RecordHeader<'_>) -> Result<Record, LogError> {
    let event = record.decode().map_err(|problem| visit.error(&format!("event {seq}: {problem}")))?;
    Ok(Record { seq, topic: record.topic, partition: record.partition, offset: record.offset, event })
}
