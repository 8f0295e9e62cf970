//! A run: entries in memory, in the form in which they are written.

use std::io;

use foryou_types::TimeMs;

use super::Scratch;
use super::spill::Spill;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 256 * 1024;

/// Bytes of an entry before its value: the value's length as u32, the time as i64, both little-endian.
pub(super) const HEAD_BYTES: usize = 12;

/// A run in memory: entries one after the other, and where each begins.
#[derive(Default)]
pub(super) struct Run {
    pub(super) bytes: Vec<u8>,
    /// Time and first byte of each entry. A later entry begins later, so that their order is stable.
    pub(super) places: Vec<(TimeMs, usize)>,
}

impl Run {
    pub(super) fn push<T: Spill>(&mut self, at: TimeMs, value: &T) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&at.0.to_le_bytes());
        value.spill(&mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start - HEAD_BYTES)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a row has more than 4 GiB"))?;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.places.push((at, start));
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        self.places.sort_unstable();
    }

    /// The entry at a place of the order, its head included.
    pub(super) fn entry(&self, place: usize) -> Option<&[u8]> {
        whole(self.bytes.get(self.places.get(place)?.1..)?)
    }

    /// Appends the entries in their order to a file; returns the number of bytes.
    pub(super) fn write(&self, file: &mut dyn Scratch) -> io::Result<u64> {
        let mut chunk = Vec::with_capacity(WRITE_BYTES);
        let mut written = 0;
        for entry in (0..self.places.len()).filter_map(|place| self.entry(place)) {
            if chunk.len() + entry.len() > WRITE_BYTES && !chunk.is_empty() {
                file.write_all(&chunk)?;
                chunk.clear();
            }
            chunk.extend_from_slice(entry);
            written += entry.len() as u64;
        }
        file.write_all(&chunk)?;
        file.flush()?;
        Ok(written)
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }
}

/// The entry that `bytes` begin with, its head included; `None` if it is not all there.
pub(super) fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.first_chunk::<4>().copied().map(u32::from_le_bytes)? as usize;
    bytes.get(..HEAD_BYTES + length)
}

/// The time of an entry.
pub(super) fn time_of(entry: &[u8]) -> Option<TimeMs> {
    entry.get(4..)?.first_chunk().copied().map(i64::from_le_bytes).map(TimeMs)
}
