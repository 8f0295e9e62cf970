//! The log in memory: for tests, replays and worlds that end with the process.

use std::collections::BTreeMap;
use std::time::Duration;

use foryou_types::{Dictionary, Namespace, TimeMs};
use parking_lot::RwLock;
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::batch::{Known, Layout, Plan, id_hash, join_chunks, plan};
use crate::codec;
use crate::error::LogError;
use crate::event::{Event, EventBody, Origin, Topic};
use crate::growth::Growth;
use crate::position::Position;
use crate::segment::BatchEnd;
use crate::sink::{AppendError, Appended, EventSink, ImportLedger};
use crate::source::{EventSource, LogHead, Record};

/// A log without files. It keeps the promises of an [`EventLog`](crate::EventLog) until the process ends.
#[derive(Debug)]
pub struct MemoryLog {
    layout: Layout,
    state: RwLock<State>,
    grown: Growth,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Record>,
    /// The end of each batch, ascending.
    batches: Vec<(BatchEnd, Position)>,
    /// Per slot, the places of its records.
    slots: Vec<Vec<usize>>,
    head: LogHead,
    ids: FxHashSet<u128>,
    numbers: FxHashMap<(Namespace, String), u64>,
    names: FxHashMap<(Namespace, u64), String>,
    progress: BTreeMap<(String, String, u64), Vec<u32>>,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new(4)
    }
}

impl MemoryLog {
    /// An empty log with a number of partitions per topic (at least 1; [`Topic::Meta`] always has 1).
    pub fn new(partitions: u16) -> Self {
        let layout = Layout::new(partitions.max(1));
        let state = State { slots: vec![Vec::new(); layout.slots()], ..State::default() };
        Self { layout, state: RwLock::new(state), grown: Growth::default() }
    }
}

impl Known for State {
    fn has_event(&self, id_hash: u128) -> Result<bool, LogError> {
        Ok(self.ids.contains(&id_hash))
    }
    fn known_id(&self, namespace: Namespace, name: &str) -> Result<Option<u64>, LogError> {
        Ok(self.numbers.get(&(namespace, name.to_owned())).copied())
    }
    fn known_name(&self, namespace: Namespace, id: u64) -> Result<Option<String>, LogError> {
        Ok(self.names.get(&(namespace, id)).cloned())
    }
}

impl State {
    fn commit(&mut self, plan: Plan, layout: Layout) {
        let mut bytes = Vec::new();
        for planned in plan.accepted {
            let Some(slot) = layout.slot(planned.topic, planned.partition) else { continue };
            let event = planned.event;
            bytes.extend_from_slice(&event.at.0.to_le_bytes());
            codec::encode_with_length(event.clone(), &mut bytes);
            self.ids.extend(planned.id_hash);
            match &event.body {
                EventBody::Name { namespace, id, name } => {
                    self.numbers.insert((*namespace, name.clone()), *id);
                    self.names.insert((*namespace, *id), name.clone());
                }
                EventBody::ImportProgress(p) => {
                    self.progress.insert((p.kind.clone(), p.role.clone(), p.first_row), p.row_hashes.clone());
                }
                _ => {}
            }
            if event.origin == Origin::Import && planned.topic != Topic::Meta {
                self.head.imported.observe(event.at);
            }
            let seq = self.records.len() as u64;
            let offset = self.slots[slot].len() as u64;
            self.slots[slot].push(self.records.len());
            self.records.push(Record { seq, topic: planned.topic, partition: planned.partition, offset, event });
        }
        let check = xxh3_64_with_seed(&bytes, self.head.position.check().unwrap_or_default());
        let end = BatchEnd { next_seq: self.records.len() as u64, check };
        let ends: Vec<u64> = self.slots.iter().map(|places| places.len() as u64).collect();
        self.head.position = layout.position(&ends, Some(end));
        self.batches.push((end, self.head.position.clone()));
    }
}

impl Dictionary for MemoryLog {
    fn id_of(&self, namespace: Namespace, name: &str) -> Option<u64> {
        self.state.read().numbers.get(&(namespace, name.to_owned())).copied()
    }
    fn name_of(&self, namespace: Namespace, id: u64) -> Option<String> {
        self.state.read().names.get(&(namespace, id)).cloned()
    }
}

impl EventSink for MemoryLog {
    fn append(&self, events: Vec<Event>) -> Result<Appended, AppendError> {
        let mut state = self.state.write();
        let mut plan = plan(events, self.layout, &*state)?;
        let accepted = plan.accepted.len();
        let duplicates = std::mem::take(&mut plan.duplicates);
        if accepted > 0 {
            state.commit(plan, self.layout);
        }
        let position = state.head.position.clone();
        drop(state);
        self.grown.announce();
        Ok(Appended { accepted, duplicates, position })
    }

    fn has_id(&self, id: &str) -> Result<bool, LogError> {
        self.state.read().has_event(id_hash(id))
    }
}

impl EventSource for MemoryLog {
    fn head(&self) -> LogHead {
        self.state.read().head.clone()
    }

    fn wait_past(&self, position: &Position, timeout: Duration) -> bool {
        self.grown.wait(timeout, || !position.covers(&self.head().position))
    }

    fn holds(&self, position: &Position) -> Result<bool, LogError> {
        let held = self.position_at(position.events())?;
        Ok(held
            .is_some_and(|held| held == *position && (position.check().is_none() || held.check() == position.check())))
    }

    fn position_at(&self, events: u64) -> Result<Option<Position>, LogError> {
        let state = self.state.read();
        if let Ok(found) = state.batches.binary_search_by_key(&events, |(end, _)| end.next_seq) {
            return Ok(Some(state.batches[found].1.clone()));
        }
        let Some(records) = usize::try_from(events).ok().and_then(|events| state.records.get(..events)) else {
            return Ok(None);
        };
        let mut ends = vec![0; self.layout.slots()];
        for slot in records.iter().filter_map(|record| self.layout.slot(record.topic, record.partition)) {
            ends[slot] += 1;
        }
        Ok(Some(self.layout.position(&ends, None)))
    }

    fn read_from(
        &self,
        from: &Position,
        apply: &mut dyn FnMut(Vec<Record>, &Position) -> bool,
    ) -> Result<(), LogError> {
        let mut next = from.events();
        if self.position_at(next)?.is_some_and(|there| there != *from) {
            return Err(LogError::Foreign { position: from.to_string() });
        }
        loop {
            // Copied out batch by batch: `apply` may append to this log.
            let state = self.state.read();
            let batch = state.batches.partition_point(|(end, _)| end.next_seq <= next);
            let Some((end, position)) = state.batches.get(batch).cloned() else { return Ok(()) };
            let records = state.records[next as usize..end.next_seq as usize].to_vec();
            drop(state);
            next = end.next_seq;
            if !apply(records, &position) {
                return Ok(());
            }
        }
    }

    fn read_partition(
        &self,
        topic: Topic,
        partition: u16,
        offset: u64,
        apply: &mut dyn FnMut(Record) -> bool,
    ) -> Result<(), LogError> {
        let Some(slot) = self.layout.slot(topic, partition) else { return Ok(()) };
        for offset in offset.. {
            let state = self.state.read();
            let Some(&place) = usize::try_from(offset).ok().and_then(|o| state.slots[slot].get(o)) else { break };
            let record = state.records[place].clone();
            drop(state);
            if !apply(record) {
                break;
            }
        }
        Ok(())
    }

    fn partitions(&self, topic: Topic) -> u16 {
        self.layout.partitions(topic)
    }

    fn end_offset(&self, topic: Topic, partition: u16) -> u64 {
        self.layout.slot(topic, partition).map_or(0, |slot| self.state.read().slots[slot].len() as u64)
    }

    fn offset_for_time(&self, topic: Topic, partition: u16, at: TimeMs) -> Result<u64, LogError> {
        let Some(slot) = self.layout.slot(topic, partition) else { return Ok(0) };
        let state = self.state.read();
        let places = &state.slots[slot];
        let first = places.iter().position(|&place| state.records[place].event.at >= at);
        Ok(first.unwrap_or(places.len()) as u64)
    }
}

impl ImportLedger for MemoryLog {
    fn import_progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, LogError> {
        let state = self.state.read();
        let first = (kind.to_owned(), role.to_owned(), 0);
        let last = (kind.to_owned(), role.to_owned(), u64::MAX);
        join_chunks(state.progress.range(first..=last).map(|((_, _, row), hashes)| Ok((*row, hashes.clone()))))
    }
}
