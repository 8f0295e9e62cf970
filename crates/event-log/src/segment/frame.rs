//! A frame: one batch under one checksum.
//!
//! ```text
//!  0  u64  check: XXH3-64 of bytes 8.. of the frame, seeded with the check of the frame before it
//!  8  u32  magic
//! 12  u32  length of the payload, in bytes
//! 16  u64  seq of the first record
//! 24  u32  number of records, at least 1
//! 28  u32  own check: the low half of XXH3-64 of bytes 8..28 and the payload, 1 where that is 0; 0 in a log of format 1
//! 32       payload
//! ```
//!
//! The check proves that a frame follows the one before it. The own check proves the frame alone: behind damage, where the check
//! of the frame before is unknown, it tells a whole frame from bytes that only look like one.

use foryou_types::TimeMs;
use thiserror::Error;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64_with_seed};

use super::record::{self, Records};
use super::tail::{Tail, moves_the_clock};
use crate::batch::Planned;
use crate::segment::BatchEnd;

/// Bytes of a frame before its payload.
pub(crate) const HEADER_BYTES: usize = 32;

/// Marks a frame, so that frames behind damage can be found.
pub(crate) const MAGIC: [u8; 4] = *b"fyB\x01";

/// Largest payload. A length is 32 bits; half of that keeps every sum far from overflowing.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1 << 31;

/// The fixed part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) check: u64,
    pub(crate) payload_bytes: u32,
    pub(crate) first_seq: u64,
    pub(crate) count: u32,
    /// 0 if the frame was written without one.
    pub(crate) own_check: u32,
}

/// Why some bytes are not the next frame.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub(crate) enum FrameFault {
    #[error("no batch begins here")]
    Magic,
    #[error("a batch of {wanted} bytes, but only {left} are left")]
    Cut { wanted: u64, left: u64 },
    #[error("a batch with {count} events in {bytes} bytes")]
    Count { count: u32, bytes: u32 },
    #[error("a batch that begins with event {found} instead of event {expected}")]
    Sequence { found: u64, expected: u64 },
    #[error("a batch whose checksum is wrong")]
    Checksum,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

impl FrameHeader {
    /// Reads a header; `left` is the number of bytes of the file from the start of the frame on. Nothing is allocated by it.
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES], left: u64, expected_seq: u64) -> Result<Self, FrameFault> {
        let header = Self::parse_any(bytes, left)?;
        if header.first_seq != expected_seq {
            return Err(FrameFault::Sequence { found: header.first_seq, expected: expected_seq });
        }
        Ok(header)
    }

    /// Reads the header of a frame anywhere in the log.
    pub(crate) fn parse_any(bytes: &[u8; HEADER_BYTES], left: u64) -> Result<Self, FrameFault> {
        if bytes[8..12] != MAGIC {
            return Err(FrameFault::Magic);
        }
        let header = Self {
            check: u64_at(bytes, 0),
            payload_bytes: u32_at(bytes, 12),
            first_seq: u64_at(bytes, 16),
            count: u32_at(bytes, 24),
            own_check: u32_at(bytes, 28),
        };
        if header.frame_bytes() > left {
            return Err(FrameFault::Cut { wanted: header.frame_bytes(), left });
        }
        if header.count == 0 || header.count as u64 * record::MIN_BYTES as u64 > u64::from(header.payload_bytes) {
            return Err(FrameFault::Count { count: header.count, bytes: header.payload_bytes });
        }
        if header.first_seq.checked_add(u64::from(header.count)).is_none() {
            return Err(FrameFault::Magic);
        }
        Ok(header)
    }

    pub(crate) const fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.payload_bytes as u64
    }

    /// The position after the frame.
    pub(crate) const fn end(&self) -> BatchEnd {
        BatchEnd { next_seq: self.first_seq + self.count as u64, check: self.check }
    }
}

/// The checksum of a frame that follows one with checksum `previous`.
pub(crate) fn checksum(frame: &[u8], previous: u64) -> u64 {
    xxh3_64_with_seed(frame.get(8..).unwrap_or_default(), previous)
}

/// The own checksum of a frame. Never 0, which stands for a missing one.
pub(crate) fn own_checksum(frame: &[u8]) -> u32 {
    let mut hash = Xxh3Default::new();
    hash.update(frame.get(8..28).unwrap_or_default());
    hash.update(frame.get(HEADER_BYTES..).unwrap_or_default());
    (hash.digest() as u32).max(1)
}

/// A frame that was read and found whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) header: FrameHeader,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(crate) const fn records(&self) -> Records<'a> {
        Records::new(self.payload, self.header.count)
    }
}

/// Writes a batch as the frame that follows `tail` into `out` (emptied first), and moves `tail` behind it.
///
/// Returns the place in `batch` of the first event that is too large, if there is one.
pub(crate) fn build(batch: Vec<Planned>, tail: &mut Tail, out: &mut Vec<u8>) -> Result<(), usize> {
    out.clear();
    out.resize(HEADER_BYTES, 0);
    let first_seq = tail.position.next_seq;
    let mut previous = TimeMs(0);
    let mut count = 0u32;
    for (i, planned) in batch.into_iter().enumerate() {
        let (at, origin) = (planned.event.at, planned.event.origin);
        let Some(slot) = tail.layout.slot(planned.topic, planned.partition) else { return Err(i) };
        record::put(out, planned.event, planned.topic, planned.partition, tail.ends[slot], previous);
        if out.len() - HEADER_BYTES > MAX_PAYLOAD_BYTES || count == u32::MAX {
            return Err(i);
        }
        previous = at;
        count += 1;
        tail.ends[slot] += 1;
        tail.newest_at[slot] = tail.newest_at[slot].max(at.0);
        if moves_the_clock(planned.topic, origin) {
            tail.imported.observe(at);
        }
    }
    let payload_bytes = (out.len() - HEADER_BYTES) as u32;
    out[8..12].copy_from_slice(&MAGIC);
    out[12..16].copy_from_slice(&payload_bytes.to_le_bytes());
    out[16..24].copy_from_slice(&first_seq.to_le_bytes());
    out[24..28].copy_from_slice(&count.to_le_bytes());
    let own_check = own_checksum(out);
    out[28..32].copy_from_slice(&own_check.to_le_bytes());
    let check = checksum(out, tail.position.check);
    out[..8].copy_from_slice(&check.to_le_bytes());
    tail.position = BatchEnd { next_seq: first_seq + u64::from(count), check };
    Ok(())
}
