//! Where an id lives. Ids are sequential, time-sorted or hashes, so all bits are mixed before any is used.

/// Shards of posts and of authors: enough that writers and readers on tens of cores seldom meet, few enough that an empty
/// store is small.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;
pub(super) const SHARD_BITS: u32 = 7;

/// The shard of a hash. The table inside the shard uses the lowest bits and the highest seven, so these are from between.
#[inline]
pub(super) const fn shard_of(hash: u64) -> usize {
    (hash >> 40) as usize & (SHARDS - 1)
}

/// Where a post lies: its shard and its slot there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loc(u32);

impl Loc {
    /// Slots a shard can number.
    pub(super) const SLOTS: u32 = 1 << (32 - SHARD_BITS);

    pub(super) const fn new(shard: usize, slot: u32) -> Self {
        Self(slot << SHARD_BITS | shard as u32)
    }

    pub(super) const fn shard(self) -> usize {
        self.0 as usize & (SHARDS - 1)
    }

    pub(super) const fn slot(self) -> u32 {
        self.0 >> SHARD_BITS
    }
}

/// Keeps neighbouring locks out of each other's cache lines (two lines: the prefetcher fetches pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

#[cfg(test)]
mod tests {
    use foryou_types::mix;

    use super::*;

    #[test]
    fn sequential_ids_spread_over_all_shards() {
        let mut counts = [0u32; SHARDS];
        for id in 0..128_000u64 {
            counts[shard_of(mix(id))] += 1;
        }
        assert!(counts.iter().all(|n| (800..1_200).contains(n)), "{counts:?}");
    }

    #[test]
    fn a_location_keeps_its_parts() {
        let last = Loc::new(SHARDS - 1, Loc::SLOTS - 1);
        assert_eq!((last.shard(), last.slot()), (SHARDS - 1, Loc::SLOTS - 1));
        assert_eq!(size_of::<Loc>(), 4);
    }
}
