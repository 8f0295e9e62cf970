//! The log in memory: for tests, replays and worlds that end with the process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use foryou_types::{Names, Namespace, TimeMs};
use parking_lot::{Condvar, Mutex, RwLock};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::batch::{Known, Layout, Plan, id_hash, join_chunks, plan};
use crate::codec;
use crate::event::{Event, EventBody, Origin, Topic};
use crate::log::{AppendError, Appended, EventLog, LogError, LogHead, Position, Record};

/// A log without files. It keeps the promises of [`EventLog`] until the process ends.
#[derive(Debug)]
pub struct MemoryLog {
    layout: Layout,
    state: RwLock<State>,
    grown: (Mutex<()>, Condvar),
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Record>,
    /// The position after each batch, ascending.
    batches: Vec<Position>,
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
        Self { layout, state: RwLock::new(state), grown: (Mutex::new(()), Condvar::new()) }
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
        let check = xxh3_64_with_seed(&bytes, self.head.position.check);
        self.head.position = Position { next_seq: self.records.len() as u64, check };
        self.batches.push(self.head.position);
    }
}

impl Names for MemoryLog {
    fn id_of(&self, namespace: Namespace, name: &str) -> Option<u64> {
        self.state.read().numbers.get(&(namespace, name.to_owned())).copied()
    }
    fn name_of(&self, namespace: Namespace, id: u64) -> Option<String> {
        self.state.read().names.get(&(namespace, id)).cloned()
    }
}

impl EventLog for MemoryLog {
    fn append(&self, events: Vec<Event>) -> Result<Appended, AppendError> {
        let mut state = self.state.write();
        let mut plan = plan(events, self.layout, &*state)?;
        let accepted = plan.accepted.len();
        let duplicates = std::mem::take(&mut plan.duplicates);
        if accepted > 0 {
            state.commit(plan, self.layout);
        }
        let position = state.head.position;
        drop(state);
        let _waiters = self.grown.0.lock();
        self.grown.1.notify_all();
        Ok(Appended { accepted, duplicates, position })
    }

    fn has_id(&self, id: &str) -> Result<bool, LogError> {
        self.state.read().has_event(id_hash(id))
    }

    fn head(&self) -> LogHead {
        self.state.read().head
    }

    fn wait_past(&self, next_seq: u64, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut waiting = self.grown.0.lock();
        while self.head().position.next_seq <= next_seq {
            if self.grown.1.wait_until(&mut waiting, deadline).timed_out() {
                return self.head().position.next_seq > next_seq;
            }
        }
        true
    }

    fn holds(&self, position: Position) -> Result<bool, LogError> {
        let state = self.state.read();
        Ok(position == Position::default()
            || state
                .batches
                .binary_search_by_key(&position.next_seq, |p| p.next_seq)
                .is_ok_and(|i| state.batches[i].check == position.check))
    }

    fn read_from(&self, from: u64, apply: &mut dyn FnMut(Vec<Record>, Position) -> bool) -> Result<(), LogError> {
        let mut next = from;
        loop {
            // Copied out batch by batch: `apply` may append to this log.
            let state = self.state.read();
            let batch = state.batches.partition_point(|p| p.next_seq <= next);
            let Some(&position) = state.batches.get(batch) else { return Ok(()) };
            let records = state.records[next as usize..position.next_seq as usize].to_vec();
            drop(state);
            next = position.next_seq;
            if !apply(records, position) {
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

    fn import_progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, LogError> {
        let state = self.state.read();
        let first = (kind.to_owned(), role.to_owned(), 0);
        let last = (kind.to_owned(), role.to_owned(), u64::MAX);
        join_chunks(state.progress.range(first..=last).map(|((_, _, row), hashes)| Ok((*row, hashes.clone()))))
    }
}
