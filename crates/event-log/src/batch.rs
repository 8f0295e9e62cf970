//! What every log does with a batch before it is stored: partitions, duplicates, and what cannot be stored.

use foryou_types::Namespace;
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::error::LogError;
use crate::event::{Event, EventBody, Topic};
use crate::position::Position;
use crate::segment::BatchEnd;
use crate::sink::{AppendError, Refusal};

/// Longest event id, string id, kind or role, in bytes: they become keys of the index.
pub const MAX_KEY_BYTES: usize = 1_024;

/// The partition of a key: XXH3-64 of its 8 little-endian bytes, modulo the number of partitions.
pub fn partition_of(key: u64, partitions: u16) -> u16 {
    (xxh3_64(&key.to_le_bytes()) % u64::from(partitions.max(1))) as u16
}

/// The partitions of all topics, numbered consecutively: a slot is one partition of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    partitions: u16,
}

impl Layout {
    pub(crate) const fn new(partitions: u16) -> Self {
        Self { partitions }
    }

    /// Partitions of the topics by key.
    pub(crate) const fn keyed_partitions(self) -> u16 {
        self.partitions
    }

    /// Partitions of a topic: [`Topic::Meta`] has one.
    pub(crate) const fn partitions(self, topic: Topic) -> u16 {
        match topic {
            Topic::Meta => 1,
            _ => self.partitions,
        }
    }

    /// Number of slots.
    pub(crate) const fn slots(self) -> usize {
        self.partitions as usize * (Topic::ALL.len() - 1) + 1
    }

    /// The slot of a partition, `None` for one the topic does not have.
    pub(crate) const fn slot(self, topic: Topic, partition: u16) -> Option<usize> {
        if partition < self.partitions(topic) {
            Some(topic as usize * self.partitions as usize + partition as usize)
        } else {
            None
        }
    }

    /// The position with these offsets per slot; `end` is the batch that ends there, if one does.
    pub(crate) fn position(self, ends: &[u64], end: Option<BatchEnd>) -> Position {
        let check = end.filter(|end| end.next_seq > 0).map(|end| end.check);
        Position::of(Topic::ALL.map(|topic| self.partitions(topic)), ends.into(), check)
    }

    /// The offsets per slot of a position. `None`: it is that of a log with more partitions.
    pub(crate) fn ends(self, position: &Position) -> Option<Vec<u64>> {
        let slots = Topic::ALL.into_iter().flat_map(|topic| (0..self.partitions(topic)).map(move |p| (topic, p)));
        let ends: Vec<u64> = slots.map(|(topic, partition)| position.offset(topic, partition)).collect();
        (ends.iter().sum::<u64>() == position.events()).then_some(ends)
    }

    /// The slot of an event.
    fn place(self, body: &EventBody) -> (Topic, u16) {
        let (topic, key) = body.topic_and_key();
        (topic, partition_of(key, self.partitions(topic)))
    }
}

/// A 128-bit hash of an event id, to recognise duplicates.
pub(crate) fn id_hash(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}

/// What a log already holds, as far as a new batch needs to know.
pub(crate) trait Known {
    fn has_event(&self, id_hash: u128) -> Result<bool, LogError>;
    fn known_id(&self, namespace: Namespace, name: &str) -> Result<Option<u64>, LogError>;
    fn known_name(&self, namespace: Namespace, id: u64) -> Result<Option<String>, LogError>;
}

/// An event that will be appended.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Its place in the given batch.
    pub(crate) place: usize,
    pub(crate) event: Event,
    pub(crate) topic: Topic,
    pub(crate) partition: u16,
    pub(crate) id_hash: Option<u128>,
}

/// A batch without its duplicates.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) accepted: Vec<Planned>,
    /// Places in the given batch.
    pub(crate) duplicates: Vec<usize>,
}

/// Splits a batch into events to append and events that the log (or the batch, earlier) already has.
///
/// An [`EventBody::Name`] that agrees with the dictionary is a duplicate; one that contradicts it cannot be stored. The error names
/// every event that cannot be stored: without them, the rest of the batch can.
pub(crate) fn plan(events: Vec<Event>, layout: Layout, known: &dyn Known) -> Result<Plan, AppendError> {
    let mut plan = Plan { accepted: Vec::with_capacity(events.len()), duplicates: Vec::new() };
    let mut refused = Vec::new();
    let mut taken = known_ids(&events, known)?;
    let mut names = NewNames::default();
    for (place, event) in events.into_iter().enumerate() {
        let id_hash = event.id.as_deref().map(id_hash);
        if id_hash.is_some_and(|hash| taken.contains(&hash)) {
            plan.duplicates.push(place);
            continue;
        }
        if let Some(reason) = problem(&event) {
            refused.push(Refusal { index: place, reason });
            continue;
        }
        if let EventBody::Name { namespace, id, name } = &event.body {
            match names.judge(*namespace, *id, name, known)? {
                NameVerdict::New => {}
                NameVerdict::Known => {
                    plan.duplicates.push(place);
                    continue;
                }
                NameVerdict::Contradiction(reason) => {
                    refused.push(Refusal { index: place, reason });
                    continue;
                }
            }
        }
        taken.extend(id_hash);
        let (topic, partition) = layout.place(&event.body);
        plan.accepted.push(Planned { place, event, topic, partition, id_hash });
    }
    if refused.is_empty() { Ok(plan) } else { Err(AppendError::Refused(refused)) }
}

/// The ids of a batch that the log has. Looked up in order, which is about twice as fast as in random order.
fn known_ids(events: &[Event], known: &dyn Known) -> Result<FxHashSet<u128>, LogError> {
    let mut hashes: Vec<_> = events.iter().filter_map(|event| event.id.as_deref().map(id_hash)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let mut found = FxHashSet::default();
    found.reserve(hashes.len());
    for hash in hashes {
        if known.has_event(hash)? {
            found.insert(hash);
        }
    }
    Ok(found)
}

/// Why an event cannot be stored, if it cannot.
fn problem(event: &Event) -> Option<String> {
    let key = |what: &str, text: &str| {
        (text.is_empty() || text.len() > MAX_KEY_BYTES)
            .then(|| format!("{what}: must have 1 to {MAX_KEY_BYTES} bytes, but has {}", text.len()))
    };
    if let Some(id) = &event.id
        && let Some(problem) = key("id", id)
    {
        return Some(problem);
    }
    match &event.body {
        EventBody::Name { id: 0, name, .. } => Some(format!("name {name:?}: its number must not be 0")),
        EventBody::Name { name, .. } => key("name", name),
        EventBody::ImportProgress(progress) => {
            key("kind", &progress.kind).or_else(|| key("role", &progress.role)).or_else(|| {
                let end = progress.first_row.checked_add(progress.row_hashes.len() as u64);
                end.is_none().then(|| "first_row: beyond the last 64-bit row".to_owned())
            })
        }
        _ => None,
    }
}

enum NameVerdict {
    New,
    Known,
    Contradiction(String),
}

/// The new names of a batch.
#[derive(Default)]
struct NewNames {
    by_name: FxHashMap<(u8, String), u64>,
    by_id: FxHashMap<(u8, u64), String>,
}

impl NewNames {
    fn judge(&mut self, namespace: Namespace, id: u64, name: &str, known: &dyn Known) -> Result<NameVerdict, LogError> {
        let space = namespace as u8;
        let old_id = match self.by_name.get(&(space, name.to_owned())) {
            Some(&id) => Some(id),
            None => known.known_id(namespace, name)?,
        };
        if let Some(old_id) = old_id {
            return Ok(if old_id == id {
                NameVerdict::Known
            } else {
                NameVerdict::Contradiction(format!("{} {name:?} has the number {old_id}, not {id}", namespace.as_str()))
            });
        }
        let old_name = match self.by_id.get(&(space, id)) {
            Some(name) => Some(name.clone()),
            None => known.known_name(namespace, id)?,
        };
        if let Some(old_name) = old_name {
            let reason = format!("{} {id} is {old_name:?}, it cannot be {name:?} too", namespace.as_str());
            return Ok(NameVerdict::Contradiction(reason));
        }
        self.by_name.insert((space, name.to_owned()), id);
        self.by_id.insert((space, id), name.to_owned());
        Ok(NameVerdict::New)
    }
}

/// Puts the row hashes of the chunks of an import together, from row 0 to the first row that no chunk covers.
///
/// Chunks come in the order of their first row; if two overlap, the later one counts.
pub(crate) fn join_chunks<E>(chunks: impl Iterator<Item = Result<(u64, Vec<u32>), E>>) -> Result<Vec<u32>, E> {
    let mut rows: Vec<u32> = Vec::new();
    for chunk in chunks {
        let (first_row, hashes) = chunk?;
        if first_row > rows.len() as u64 {
            break;
        }
        let first = first_row as usize;
        let end = first + hashes.len();
        if rows.len() < end {
            rows.resize(end, 0);
        }
        rows[first..end].copy_from_slice(&hashes);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use foryou_types::{PostId, TimeMs};

    use super::*;

    struct Nothing;
    impl Known for Nothing {
        fn has_event(&self, _: u128) -> Result<bool, LogError> {
            Ok(false)
        }
        fn known_id(&self, _: Namespace, name: &str) -> Result<Option<u64>, LogError> {
            Ok((name == "old").then_some(7))
        }
        fn known_name(&self, _: Namespace, id: u64) -> Result<Option<String>, LogError> {
            Ok((id == 7).then(|| "old".to_owned()))
        }
    }

    fn delete(id: Option<&str>) -> Event {
        Event {
            at: TimeMs(1),
            id: id.map(str::to_owned),
            origin: crate::Origin::Live,
            body: EventBody::Delete { post_id: PostId(1) },
        }
    }

    fn name(id: u64, name: &str) -> Event {
        let body = EventBody::Name { namespace: Namespace::Users, id, name: name.to_owned() };
        Event { body, ..delete(None) }
    }

    #[test]
    fn slots_are_dense_and_meta_has_one_partition() {
        for partitions in [1, 3, 4] {
            let layout = Layout::new(partitions);
            let slots: Vec<_> = Topic::ALL
                .into_iter()
                .flat_map(|t| (0..layout.partitions(t)).map(move |p| layout.slot(t, p).unwrap()))
                .collect();
            assert_eq!(slots, (0..layout.slots()).collect::<Vec<_>>());
            assert_eq!(layout.slot(Topic::Meta, 1), None);
        }
    }

    #[test]
    fn a_partition_is_fixed_by_the_key() {
        // From the reference implementation of XXH3-64: the choice is part of the stored format.
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(|key| partition_of(key, 4)), [1, 2, 3, 1, 0, 0, 3, 3]);
        assert_eq!(partition_of(99, 1), 0);
    }

    #[test]
    fn the_same_id_twice_is_one_event() {
        let batch = vec![delete(Some("a")), delete(None), delete(Some("a")), delete(None), delete(Some("b"))];
        let plan = plan(batch, Layout::new(4), &Nothing).unwrap();
        assert_eq!(plan.accepted.len(), 4);
        assert_eq!(plan.duplicates, [2]);
    }

    #[test]
    fn a_name_is_new_known_or_a_contradiction() {
        let planned = plan(vec![name(5, "new"), name(5, "new"), name(7, "old")], Layout::new(4), &Nothing).unwrap();
        assert_eq!((planned.accepted.len(), planned.duplicates), (1, vec![1, 2]));
        for (batch, index) in
            [(vec![name(8, "old")], 0), (vec![name(7, "x")], 0), (vec![name(5, "a"), name(5, "b")], 1)]
        {
            let error = plan(batch, Layout::new(4), &Nothing).unwrap_err();
            assert_eq!(refused(error), [index]);
        }
        assert!(plan(vec![name(0, "x")], Layout::new(4), &Nothing).is_err());
        assert!(plan(vec![name(1, "")], Layout::new(4), &Nothing).is_err());
        assert!(plan(vec![delete(Some(&"x".repeat(1_025)))], Layout::new(4), &Nothing).is_err());
    }

    fn refused(error: AppendError) -> Vec<usize> {
        match error {
            AppendError::Refused(refused) => refused.into_iter().map(|refusal| refusal.index).collect(),
            AppendError::Log(error) => panic!("{error}"),
        }
    }

    #[test]
    fn every_event_that_cannot_be_stored_is_named_at_once_and_the_rest_can_be() {
        let long = "x".repeat(1_025);
        let batch = || {
            vec![
                delete(Some(&long)),
                name(5, "a"),
                delete(Some("a")),
                name(5, "b"),
                name(0, "c"),
                delete(Some("a")),
                name(8, "old"),
                delete(None),
            ]
        };
        let bad = refused(plan(batch(), Layout::new(4), &Nothing).unwrap_err());
        assert_eq!(bad, [0, 3, 4, 6]);
        let rest = batch().into_iter().enumerate().filter(|(i, _)| !bad.contains(i)).map(|(_, event)| event).collect();
        let plan = plan(rest, Layout::new(4), &Nothing).unwrap();
        assert_eq!((plan.accepted.len(), plan.duplicates), (3, vec![2]));
    }

    #[test]
    fn chunks_join_up_to_the_first_gap() {
        let join = |chunks: Vec<(u64, Vec<u32>)>| join_chunks(chunks.into_iter().map(Ok::<_, ()>)).unwrap();
        assert_eq!(join(vec![(0, vec![1, 2]), (2, vec![3]), (4, vec![9])]), [1, 2, 3]);
        assert_eq!(join(vec![(0, vec![1, 2, 3]), (1, vec![7])]), [1, 7, 3]);
        assert_eq!(join(vec![(1, vec![7])]), [0; 0]);
    }
}
