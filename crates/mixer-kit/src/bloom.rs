//! Impressions as bloom filters, as the client sends them.
//!
//! A client that cannot send every id it has shown sends a set that may have false positives, but never false negatives. The bits of an id are
//! found by double hashing (Kirsch and Mitzenmacher, "Less Hashing, Same Performance", 2006): `h1 = xxh3_64(id as 8
//! little-endian bytes, seed)`, `h2 = xxh3_64(the same, seed + 1)`, bits `(h1 + i·h2) mod m` for i below the number of hashes,
//! in wrapping 64-bit arithmetic.

use foryou_types::{PostId, TimeMs};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A set of post ids that may say yes wrongly and never no.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpressionBloomFilterEntry {
    /// The bits, least significant bit of the first byte first.
    pub bits: Vec<u8>,
    /// Hash functions.
    pub num_hashes: u32,
    /// Seed of the hash functions.
    pub seed: u64,
    /// Ids put in.
    pub count: u64,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
}

/// Why a bloom filter is ignored.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BloomError {
    /// There are no bits.
    #[error("a bloom filter without bits")]
    Empty,
    /// The number of hash functions is out of range.
    #[error("a bloom filter has 1 to {max} hashes, this one {0}", max = ImpressionBloomFilterEntry::MAX_HASHES)]
    Hashes(u32),
    /// Every bit is set: it would say yes to every post and leave an empty feed.
    #[error("a bloom filter with every bit set")]
    Full,
}

/// How often a filter of the builder says yes wrongly, when it holds what it was built for.
const FALSE_POSITIVE_RATE: f64 = 0.01;

/// Bits of the smallest filter built. In a smaller one the steps of double hashing often share a factor with the length, and an
/// id has but a few different bits.
const MIN_BITS: usize = 1_024;

impl ImpressionBloomFilterEntry {
    /// Hash functions of a well-formed filter at most: as many as a rate of 1 in 2^32 needs.
    pub const MAX_HASHES: u32 = 32;

    /// An empty filter that says yes wrongly once in a hundred times when it holds `capacity` ids.
    ///
    /// It has the fewest bits for that, `m = -n·ln p / ln² 2` (rounded up to bytes, 1,024 at least), and `-log2 p` hashes.
    #[must_use]
    pub fn with_capacity(capacity: usize, seed: u64, created_at: TimeMs) -> Self {
        let ln_2 = std::f64::consts::LN_2;
        let bits = (capacity as f64 * -FALSE_POSITIVE_RATE.ln() / (ln_2 * ln_2)).ceil() as usize;
        let num_hashes = (-FALSE_POSITIVE_RATE.log2()).round() as u32;
        Self { bits: vec![0; bits.max(MIN_BITS).div_ceil(8)], num_hashes, seed, count: 0, created_at: created_at.0 }
    }

    /// A filter that holds `ids`, built as by [`Self::with_capacity`].
    #[must_use]
    pub fn from_ids(ids: &[PostId], seed: u64, created_at: TimeMs) -> Self {
        let mut filter = Self::with_capacity(ids.len(), seed, created_at);
        for &id in ids {
            filter.insert(id);
        }
        filter
    }

    /// Puts an id in. A malformed filter stays as it is.
    pub fn insert(&mut self, id: PostId) {
        if matches!(self.check(), Err(BloomError::Empty | BloomError::Hashes(_))) {
            return;
        }
        for bit in self.positions(id) {
            self.bits[bit / 8] |= 1 << (bit % 8);
        }
        self.count += 1;
    }

    /// Whether the id was put in, or seems to have been. A malformed filter holds nothing.
    pub fn contains(&self, id: PostId) -> bool {
        self.check().is_ok() && self.has(id)
    }

    /// Why the filter is ignored, if it is.
    pub fn check(&self) -> Result<(), BloomError> {
        if self.bits.is_empty() {
            Err(BloomError::Empty)
        } else if !(1..=Self::MAX_HASHES).contains(&self.num_hashes) {
            Err(BloomError::Hashes(self.num_hashes))
        } else if self.bits.iter().all(|&byte| byte == u8::MAX) {
            Err(BloomError::Full)
        } else {
            Ok(())
        }
    }

    /// [`Self::contains`] of a filter known to be well-formed.
    fn has(&self, id: PostId) -> bool {
        self.positions(id).all(|bit| self.bits[bit / 8] >> (bit % 8) & 1 == 1)
    }

    fn positions(&self, id: PostId) -> impl Iterator<Item = usize> + use<> {
        let bytes = id.0.to_le_bytes();
        let h1 = xxh3_64_with_seed(&bytes, self.seed);
        let h2 = xxh3_64_with_seed(&bytes, self.seed.wrapping_add(1));
        let m = self.bits.len() as u64 * 8;
        (0..u64::from(self.num_hashes)).map(move |i| (h1.wrapping_add(i.wrapping_mul(h2)) % m) as usize)
    }
}

/// The union of the well-formed filters of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct BloomFilters<'e>(Vec<&'e ImpressionBloomFilterEntry>);

impl<'e> BloomFilters<'e> {
    /// Checks each filter once and leaves out the malformed ones.
    pub(crate) fn new(entries: &'e [ImpressionBloomFilterEntry]) -> Self {
        Self(entries.iter().filter(|entry| entry.check().is_ok()).collect())
    }

    /// Whether any of the filters holds the id.
    pub(crate) fn contains(&self, id: PostId) -> bool {
        self.0.iter().any(|entry| entry.has(id))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: TimeMs = TimeMs(1_800_000_000_000);

    fn ids(range: std::ops::Range<u64>) -> Vec<PostId> {
        // Ids as they come: far apart, and some above 2^63.
        range.map(|i| PostId(i.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)).collect()
    }

    #[test]
    fn sizes_are_the_textbooks() {
        let filter = ImpressionBloomFilterEntry::with_capacity(1_000, 3, NOW);
        // 1000 · 4.60517 / 0.480453 = 9585.06, in whole bytes 9592; log2 100 = 6.64.
        assert_eq!((filter.bits.len() * 8, filter.num_hashes), (9_592, 7));
        assert_eq!((filter.seed, filter.count, filter.created_at), (3, 0, NOW.0));
        assert_eq!(ImpressionBloomFilterEntry::with_capacity(0, 0, NOW).bits.len(), 128);
    }

    #[test]
    fn bits_are_where_the_wire_format_says() {
        let (id, seed, m) = (PostId(0x0102_0304_0506_0708), u64::MAX, 1_024u64);
        let filter = ImpressionBloomFilterEntry::from_ids(&[id], seed, NOW);
        let bytes = [8, 7, 6, 5, 4, 3, 2, 1];
        let (h1, h2) = (u128::from(xxh3_64_with_seed(&bytes, seed)), u128::from(xxh3_64_with_seed(&bytes, 0)));
        let mut expected = vec![0u8; 128];
        for i in 0..7 {
            let bit = ((h1 + i * h2) % (1 << 64)) as u64 % m;
            expected[(bit / 8) as usize] |= 1 << (bit % 8);
        }
        assert_eq!(filter.bits, expected);
        assert_eq!(filter.count, 1);
    }

    #[test]
    fn malformed_filters_hold_nothing_and_say_why() {
        let well = ImpressionBloomFilterEntry::from_ids(&ids(1..10), 1, NOW);
        let with = |bits: Vec<u8>, num_hashes| ImpressionBloomFilterEntry { bits, num_hashes, ..well.clone() };
        for (broken, error) in [
            (ImpressionBloomFilterEntry::default(), BloomError::Empty),
            (with(Vec::new(), 7), BloomError::Empty),
            (with(well.bits.clone(), 0), BloomError::Hashes(0)),
            (with(well.bits.clone(), u32::MAX), BloomError::Hashes(u32::MAX)),
            (with(vec![u8::MAX; 64], 7), BloomError::Full),
        ] {
            assert_eq!(broken.check(), Err(error));
            assert!(ids(1..10).into_iter().all(|id| !broken.contains(id)), "{error}");
            let mut touched = broken.clone();
            if error != BloomError::Full {
                touched.insert(PostId(5));
                assert_eq!(touched, broken);
            }
        }
        assert_eq!(well.check(), Ok(()));
        assert_eq!(BloomError::Hashes(99).to_string(), "a bloom filter has 1 to 32 hashes, this one 99");
    }

    #[test]
    fn several_filters_are_a_union() {
        let (a, b) = (ids(0..50), ids(100..150));
        let entries = [
            ImpressionBloomFilterEntry::from_ids(&a, 1, NOW),
            ImpressionBloomFilterEntry::default(),
            ImpressionBloomFilterEntry::from_ids(&b, 2, NOW),
        ];
        let union = BloomFilters::new(&entries);
        assert!(a.iter().chain(&b).all(|&id| union.contains(id)));
        let wrong = ids(1_000..2_000).into_iter().filter(|&id| union.contains(id)).count();
        assert!(wrong < 30, "{wrong}");
        assert!(!BloomFilters::default().contains(a[0]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn it_never_says_no_wrongly_and_yes_at_its_rate(n in 1u64..3_000, seed in any::<u64>()) {
            let held = ids(0..n);
            let filter = ImpressionBloomFilterEntry::from_ids(&held, seed, NOW);
            prop_assert!(held.iter().all(|&id| filter.contains(id)));
            let asked = 40_000;
            let wrong = ids(n..n + asked).into_iter().filter(|&id| filter.contains(id)).count();
            prop_assert!((wrong as f64) < 1.5 * FALSE_POSITIVE_RATE * asked as f64, "{} of {} at n = {}", wrong, asked, n);
        }
    }

    #[test]
    fn the_rate_is_no_accident_of_too_many_bits() {
        let filter = ImpressionBloomFilterEntry::from_ids(&ids(0..5_000), 11, NOW);
        let asked = 100_000;
        let wrong = ids(5_000..5_000 + asked).into_iter().filter(|&id| filter.contains(id)).count();
        let rate = wrong as f64 / asked as f64;
        assert!((FALSE_POSITIVE_RATE / 1.5..FALSE_POSITIVE_RATE * 1.5).contains(&rate), "{rate}");
    }
}
