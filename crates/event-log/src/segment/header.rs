//! The header of a segment: the state of the log when the segment began.
//!
//! ```text
//!  0  [u8; 8]  magic
//!  8  u16      format version
//! 10  u16      partitions of the topics by key (P)
//! 12  u32      0
//! 16  u64      seq of the first event
//! 24  u64      check of the frame before it (0 in the first segment)
//! 32  u64      length of the segment before it, in bytes (0 in the first)
//! 40  u64      what was imported before it: 0 nothing, 1 the log's now is its newest imported event, 2 only one event,
//!              3 + n the newest imported event is n ms ahead of all others
//! 48  i64      time of the newest imported event before it
//! 56  [u64]    next offset of each of the 6 P + 1 slots
//!  .  u64      XXH3-64 of all bytes before
//! ```

use foryou_types::{LogTime, TimeMs};
use xxhash_rust::xxh3::xxh3_64;

use super::tail::Tail;
use crate::batch::Layout;
use crate::segment::BatchEnd;

const MAGIC: [u8; 8] = *b"foryoulg";

/// The only version there is.
pub(crate) const FORMAT: u16 = 1;

const FIXED_BYTES: usize = 56;

/// The state of the log when a segment began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) layout: Layout,
    /// The end of the segment before.
    pub(crate) base: BatchEnd,
    /// Length of the segment before, in bytes.
    pub(crate) previous_bytes: u64,
    pub(crate) imported: LogTime,
    /// Per slot, the first offset that may be here.
    pub(crate) ends: Vec<u64>,
}

/// Why some bytes are not a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// Cut or overwritten.
    Damaged,
    /// Whole, but in another format than `log.toml` says.
    Format(u16),
}

impl SegmentHeader {
    /// The header of a segment that begins at the end of `tail`.
    pub(crate) fn at(tail: &Tail, previous_bytes: u64) -> Self {
        Self {
            layout: tail.layout,
            base: tail.position,
            previous_bytes,
            imported: tail.imported,
            ends: tail.ends.clone(),
        }
    }

    /// The state of the log where the segment begins.
    pub(crate) fn tail(&self) -> Tail {
        Tail {
            layout: self.layout,
            position: self.base,
            imported: self.imported,
            ends: self.ends.clone(),
            newest_at: vec![i64::MIN; self.layout.slots()],
        }
    }

    /// Bytes of a header.
    pub(crate) const fn bytes(layout: Layout) -> usize {
        FIXED_BYTES + 8 * layout.slots() + 8
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::bytes(self.layout));
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&self.layout.keyed_partitions().to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for word in [
            self.base.next_seq,
            self.base.check,
            self.previous_bytes,
            imported_word(self.imported),
            self.imported.newest().unwrap_or_default().0.cast_unsigned(),
        ]
        .iter()
        .chain(&self.ends)
        {
            out.extend_from_slice(&word.to_le_bytes());
        }
        let check = xxh3_64(&out);
        out.extend_from_slice(&check.to_le_bytes());
        out
    }

    /// Reads the header at the front of `bytes`, of a log with this layout.
    pub(crate) fn parse(bytes: &[u8], layout: Layout) -> Result<Self, HeaderFault> {
        let all = Self::bytes(layout);
        let (content, check) = bytes.get(..all).ok_or(HeaderFault::Damaged)?.split_at(all - 8);
        if xxh3_64(content).to_le_bytes() != check {
            return Err(HeaderFault::Damaged);
        }
        let words: Vec<u64> =
            content[16..].chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect();
        let format = u16::from_le_bytes([content[8], content[9]]);
        if content.starts_with(&MAGIC) && format != FORMAT {
            return Err(HeaderFault::Format(format));
        }
        let same_layout = content[10..12] == layout.keyed_partitions().to_le_bytes();
        match words.as_slice() {
            [next_seq, check, previous_bytes, imported, newest, ends @ ..]
                if content.starts_with(&MAGIC) && same_layout && ends.len() == layout.slots() =>
            {
                Ok(Self {
                    layout,
                    base: BatchEnd { next_seq: *next_seq, check: *check },
                    previous_bytes: *previous_bytes,
                    imported: imported_of(*imported, TimeMs(newest.cast_signed())),
                    ends: ends.to_vec(),
                })
            }
            _ => Err(HeaderFault::Damaged),
        }
    }
}

fn imported_word(imported: LogTime) -> u64 {
    match (imported.newest(), imported.second()) {
        (None, _) => 0,
        (Some(_), None) => 2,
        (Some(newest), Some(second)) if newest == second => 1,
        (Some(newest), Some(second)) => newest.since(second).cast_unsigned().saturating_add(3),
    }
}

fn imported_of(word: u64, newest: TimeMs) -> LogTime {
    let second = match word {
        0 => return LogTime::default(),
        1 => Some(newest),
        2 => None,
        ahead => Some(newest - i64::try_from(ahead - 3).unwrap_or(i64::MAX)),
    };
    LogTime::new(Some(newest), second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_s_time_survives_a_header() {
        let hour = 3_600_000;
        for times in [&[][..], &[5], &[5, 5], &[5, 5 + hour], &[-7, 5 * hour], &[i64::MIN / 4, i64::MAX / 4]] {
            let mut imported = LogTime::default();
            for &at in times {
                imported.observe(TimeMs(at));
            }
            let read = imported_of(imported_word(imported), imported.newest().unwrap_or_default());
            assert_eq!(read, imported, "{times:?}");
        }
    }

    fn header() -> SegmentHeader {
        let mut tail = Tail::empty(Layout::new(4));
        tail.position = BatchEnd { next_seq: 77, check: 0xdead_beef };
        tail.imported = LogTime::new(Some(TimeMs(-5)), Some(TimeMs(-5)));
        tail.ends[3] = 12;
        SegmentHeader::at(&tail, 1_000)
    }

    #[test]
    fn a_header_survives_its_bytes() {
        let header = header();
        let bytes = header.to_bytes();
        assert_eq!(bytes.len(), SegmentHeader::bytes(Layout::new(4)));
        assert_eq!(SegmentHeader::parse(&bytes, Layout::new(4)), Ok(header));
    }

    #[test]
    fn any_changed_byte_is_damage() {
        let bytes = header().to_bytes();
        for i in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[i] ^= 0x80;
            assert_eq!(SegmentHeader::parse(&bytes, Layout::new(4)), Err(HeaderFault::Damaged), "byte {i}");
        }
        for len in 0..bytes.len() {
            assert_eq!(SegmentHeader::parse(&bytes[..len], Layout::new(4)), Err(HeaderFault::Damaged), "{len} bytes");
        }
        assert_eq!(SegmentHeader::parse(&bytes, Layout::new(3)), Err(HeaderFault::Damaged));
    }
}
