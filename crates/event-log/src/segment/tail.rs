//! What is known at the end of a log: where the next event goes.

use foryou_types::LogTime;

use super::record::RecordHeader;
use crate::batch::Layout;
use crate::event::{Origin, Topic};
use crate::segment::BatchEnd;
use crate::source::LogHead;

/// The state of the log after its last batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) layout: Layout,
    pub(crate) position: BatchEnd,
    pub(crate) imported: LogTime,
    /// Per slot, the next offset.
    pub(crate) ends: Vec<u64>,
    /// Per slot, the newest time in the current segment; `i64::MIN` for none.
    pub(crate) newest_at: Vec<i64>,
}

impl Tail {
    pub(crate) fn empty(layout: Layout) -> Self {
        Self {
            layout,
            position: BatchEnd::default(),
            imported: LogTime::default(),
            ends: vec![0; layout.slots()],
            newest_at: vec![i64::MIN; layout.slots()],
        }
    }

    pub(crate) fn head(&self) -> LogHead {
        LogHead { position: self.layout.position(&self.ends, Some(self.position)), imported: self.imported }
    }

    /// Takes in one more record. The error says why it cannot follow.
    pub(crate) fn observe(&mut self, record: &RecordHeader<'_>) -> Result<(), String> {
        let Some(slot) = self.layout.slot(record.topic, record.partition) else {
            return Err(format!("partition {} of topic {}", record.partition, record.topic.name()));
        };
        if self.ends[slot] != record.offset {
            let expected = self.ends[slot];
            return Err(format!("offset {} of topic {}, not {expected}", record.offset, record.topic.name()));
        }
        self.ends[slot] += 1;
        self.newest_at[slot] = self.newest_at[slot].max(record.at.0);
        if moves_the_clock(record.topic, record.origin) {
            self.imported.observe(record.at);
        }
        self.position.next_seq += 1;
        Ok(())
    }
}

/// Whether an event moves the log clock: imported events do, except the importer's own bookkeeping.
pub(crate) fn moves_the_clock(topic: Topic, origin: Origin) -> bool {
    origin == Origin::Import && topic != Topic::Meta
}
