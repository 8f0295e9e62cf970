//! How far a log was read: a vector of offsets.

use std::fmt;
use std::sync::Arc;

use crate::event::Topic;
use crate::varint;

const TOPICS: usize = Topic::ALL.len();

/// First byte of a stored position, and the newest version of its form. Before there were vectors, a position was stored as the
/// number of events and a check. Only at the start, and then with check 0, is that number 0.
const MARK: u8 = 0;
const VERSION: u8 = 1;

/// How far a log was read: for every partition of every topic the first offset that was not. Cheap to clone.
///
/// In a log with one order of all events, a position between two batches also has the check of the batch before it. With it a
/// projection notices that the log lost its tail (a power cut) and continued with other events. Every event takes exactly one offset, so
/// there the sum of the offsets ([`Self::events`]) is the number of events before the position, and it alone finds the place.
#[derive(Clone, Default)]
pub struct Position {
    /// `None` at the start of every log.
    offsets: Option<Arc<Offsets>>,
    check: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
struct Offsets {
    /// Partitions per topic.
    partitions: [u16; TOPICS],
    /// The offsets of the topics' partitions, topic by topic.
    ends: Box<[u64]>,
}

impl Offsets {
    fn slot(&self, topic: Topic, partition: u16) -> Option<usize> {
        let topic = topic as usize;
        let before = self.partitions[..topic].iter().map(|&count| usize::from(count)).sum::<usize>();
        (partition < self.partitions[topic]).then(|| before + usize::from(partition))
    }
}

impl Position {
    /// A position with these offsets; a topic that is not named is at its start.
    pub fn new(ends: &[(Topic, &[u64])], check: Option<u64>) -> Self {
        let of = |topic| ends.iter().find(|(named, _)| *named == topic).map_or(&[][..], |(_, ends)| ends);
        let partitions = Topic::ALL.map(|topic| of(topic).len().min(usize::from(u16::MAX)) as u16);
        let ends = Topic::ALL.into_iter().flat_map(|topic| of(topic).iter().take(usize::from(u16::MAX)).copied());
        Self::of(partitions, ends.collect(), check)
    }

    /// A position in a log with these partitions per topic.
    pub(crate) fn of(partitions: [u16; TOPICS], ends: Box<[u64]>, check: Option<u64>) -> Self {
        let is_start = ends.iter().all(|end| *end == 0);
        Self { offsets: (!is_start).then(|| Arc::new(Offsets { partitions, ends })), check }
    }

    /// The first offset of a partition that is not covered.
    pub fn offset(&self, topic: Topic, partition: u16) -> u64 {
        let offsets = self.offsets.as_deref();
        offsets.and_then(|offsets| Some(offsets.ends[offsets.slot(topic, partition)?])).unwrap_or(0)
    }

    /// The number of events that are covered.
    pub fn events(&self) -> u64 {
        self.offsets.as_ref().map_or(0, |offsets| offsets.ends.iter().sum())
    }

    /// The check of the batch that ends here, where the log has one.
    pub const fn check(&self) -> Option<u64> {
        self.check
    }

    /// Whether everything before `other` is covered.
    pub fn covers(&self, other: &Self) -> bool {
        match (&self.offsets, &other.offsets) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(others)) if own.partitions == others.partitions => {
                own.ends.iter().zip(&others.ends).all(|(own, other)| own >= other)
            }
            _ => other.partitions().all(|(topic, partition, end)| self.offset(topic, partition) >= end),
        }
    }

    /// What both cover.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        self.combined(other, u64::min)
    }

    /// What one of both covers.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        self.combined(other, u64::max)
    }

    fn combined(&self, other: &Self, choose: fn(u64, u64) -> u64) -> Self {
        let count = |position: &Self, topic: usize| position.offsets.as_ref().map_or(0, |o| o.partitions[topic]);
        let partitions: [u16; TOPICS] = std::array::from_fn(|topic| count(self, topic).max(count(other, topic)));
        let slots = Topic::ALL.into_iter().flat_map(|topic| (0..partitions[topic as usize]).map(move |p| (topic, p)));
        let ends = slots.map(|(topic, p)| choose(self.offset(topic, p), other.offset(topic, p))).collect();
        let mut combined = Self::of(partitions, ends, None);
        combined.check = [self, other].iter().find(|one| combined == ***one).and_then(|one| one.check);
        combined
    }

    /// Topic, partition and offset, for all that are known.
    fn partitions(&self) -> impl Iterator<Item = (Topic, u16, u64)> {
        self.offsets.iter().flat_map(|offsets| {
            let slots = Topic::ALL.into_iter().flat_map(|t| (0..offsets.partitions[t as usize]).map(move |p| (t, p)));
            slots.zip(&offsets.ends).map(|((topic, partition), end)| (topic, partition, *end))
        })
    }

    /// Appends the stored form: 0, the version (1), per topic the number of its partitions and their offsets, a byte that says
    /// whether a check follows, and the check. Numbers are varints, and topics are counted first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([MARK, VERSION]);
        varint::put(out, if self.offsets.is_some() { TOPICS as u64 } else { 0 });
        if let Some(offsets) = &self.offsets {
            let mut ends = offsets.ends.iter();
            for &count in &offsets.partitions {
                varint::put(out, count.into());
                ends.by_ref().take(count.into()).for_each(|end| varint::put(out, *end));
            }
        }
        out.push(u8::from(self.check.is_some()));
        if let Some(check) = self.check {
            varint::put(out, check);
        }
    }
}

/// A stored position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredPosition {
    /// A vector.
    Vector(Position),
    /// The form before vectors: a number of events, and the check of the batch that ends there. The log knows the vector
    /// ([`crate::EventSource::position_at`]).
    Counted {
        /// Events covered.
        events: u64,
        /// Check of the batch; 0 at the start.
        check: u64,
    },
}

impl StoredPosition {
    /// Reads a stored form; `None` if the bytes are not one.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        if !bytes.starts_with(&[MARK, VERSION]) {
            let (events, check) = (varint::take(bytes)?, varint::take(bytes)?);
            return bytes.is_empty().then_some(Self::Counted { events, check });
        }
        *bytes = &bytes[2..];
        let (mut partitions, mut ends) = ([0; TOPICS], Vec::new());
        let topics = usize::try_from(varint::take(bytes)?).ok()?;
        for count in partitions.get_mut(..topics)? {
            *count = u16::try_from(varint::take(bytes)?).ok()?;
            for _ in 0..*count {
                ends.push(varint::take(bytes)?);
            }
        }
        let (&has_check, rest) = bytes.split_first()?;
        *bytes = rest;
        let check = match has_check {
            0 => None,
            1 => Some(varint::take(bytes)?),
            _ => return None,
        };
        bytes.is_empty().then(|| Self::Vector(Position::of(partitions, ends.into(), check)))
    }
}

impl PartialEq for Position {
    /// The same offsets; of partitions that only one of both knows, none was read. The check follows from them.
    fn eq(&self, other: &Self) -> bool {
        self.covers(other) && other.covers(self)
    }
}

impl Eq for Position {}

impl fmt::Display for Position {
    /// The form for people and for clients, to whom it is opaque: version, then per topic its offsets, zeros left out, then the check.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}:")?;
        let mut last = None;
        for (topic, _, end) in self.partitions() {
            f.write_str(if last.is_none() {
                ""
            } else if last == Some(topic) {
                "."
            } else {
                "/"
            })?;
            last = Some(topic);
            if end > 0 {
                write!(f, "{end}")?;
            }
        }
        f.write_str(":")?;
        self.check.map_or(Ok(()), |check| write!(f, "{check:x}"))
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position() -> impl Strategy<Value = Position> {
        let offset = prop_oneof![Just(0), 0..5u64, Just(u64::from(u32::MAX))];
        let ends = prop::collection::vec(prop::collection::vec(offset, 0..4), TOPICS);
        (ends, any::<Option<u64>>()).prop_map(|(ends, check)| {
            let ends: Vec<_> = Topic::ALL.into_iter().zip(ends.iter().map(Vec::as_slice)).collect();
            Position::new(&ends, check)
        })
    }

    fn stored(position: &Position) -> Vec<u8> {
        let mut out = Vec::new();
        position.encode(&mut out);
        out
    }

    proptest! {
        #[test]
        fn a_position_survives_its_stored_form_and_no_part_of_it_is_one(one in position(), noise: Vec<u8>) {
            let bytes = stored(&one);
            let Some(StoredPosition::Vector(read)) = StoredPosition::decode(&bytes) else { panic!("{bytes:?}") };
            prop_assert_eq!(&read, &one);
            prop_assert_eq!(read.check(), one.check());
            prop_assert_eq!(stored(&read), bytes.clone());
            for len in 2..bytes.len() {
                prop_assert_eq!(StoredPosition::decode(&bytes[..len]), None);
            }
            // Whatever it is, it is read without harm.
            let _ = StoredPosition::decode(&noise);
        }

        #[test]
        fn meet_and_join_are_bounds_and_covering_is_an_order(a in position(), b in position(), c in position()) {
            let (meet, join) = (a.meet(&b), a.join(&b));
            prop_assert!(a.covers(&meet) && b.covers(&meet) && join.covers(&a) && join.covers(&b));
            prop_assert_eq!(meet.events() + join.events(), a.events() + b.events());
            prop_assert_eq!(a.covers(&b), a.join(&b) == a);
            prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c));
            prop_assert_eq!(a.join(&a).check(), a.check());
        }
    }

    #[test]
    fn the_form_before_vectors_is_read() {
        // 300 events, check 7: as it was written.
        assert_eq!(
            StoredPosition::decode(&[0xac, 0x02, 0x07]),
            Some(StoredPosition::Counted { events: 300, check: 7 })
        );
        assert_eq!(StoredPosition::decode(&[0, 0]), Some(StoredPosition::Counted { events: 0, check: 0 }));
        for noise in [&[][..], &[5], &[5, 5, 5], &[0, 1], &[0, 1, 8], &[0, 1, 0, 2]] {
            assert_eq!(StoredPosition::decode(noise), None, "{noise:?}");
        }
    }

    #[test]
    fn clients_get_the_offsets_and_the_check() {
        let position = Position::new(&[(Topic::Posts, &[12, 0, 7]), (Topic::Meta, &[3])], Some(0xbeef));
        assert_eq!(position.to_string(), "1:12..7/3:beef");
        assert_eq!((position.events(), position.offset(Topic::Posts, 2), position.offset(Topic::Graph, 9)), (22, 7, 0));
        assert_eq!(Position::default().to_string(), "1::");
    }
}
