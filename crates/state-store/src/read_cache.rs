//! What was read from the disk lately, for readers beside the one writer.

use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::error::StateError;

/// A value that a [`ReadCache`] holds.
pub(crate) trait Cached {
    /// The memory that it takes, in bytes.
    fn bytes(&self) -> u64;
}

/// A cache bounded in bytes. A reader must not put back what a batch just changed: if it started before the batch ended, it finds
/// another epoch and does not cache.
pub(crate) struct ReadCache<K, V> {
    cache: Cache<K, Arc<V>, Bytes>,
    epoch: Mutex<u64>,
}

#[derive(Clone)]
struct Bytes;

impl<K, V: Cached> Weighter<K, Arc<V>> for Bytes {
    fn weight(&self, _: &K, value: &Arc<V>) -> u64 {
        /// The entry itself: key, pointers, links.
        const ENTRY: u64 = 64;
        value.bytes() + ENTRY
    }
}

impl<K: Copy + Eq + Hash, V: Cached> ReadCache<K, V> {
    /// A cache of at most `capacity` bytes, made for about `entries` values.
    pub(crate) fn new(entries: usize, capacity: u64) -> Self {
        Self { cache: Cache::with_weighter(entries, capacity, Bytes), epoch: Mutex::new(0) }
    }

    /// Bytes of the cached values.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.weight()
    }

    /// The cached value, or what `read` finds. Nothing is cached where it finds nothing.
    pub(crate) fn get(
        &self,
        key: K,
        read: impl FnOnce() -> Result<Option<V>, StateError>,
    ) -> Result<Option<Arc<V>>, StateError> {
        if let Some(value) = self.cache.get(&key) {
            return Ok(Some(value));
        }
        let epoch = *self.epoch.lock();
        let Some(value) = read()?.map(Arc::new) else { return Ok(None) };
        let now = self.epoch.lock();
        if *now == epoch {
            self.cache.insert(key, value.clone());
        }
        Ok(Some(value))
    }

    /// Drops what a finished batch wrote.
    pub(crate) fn forget(&self, mut keys: impl Iterator<Item = K>) {
        let Some(first) = keys.next() else { return };
        let mut epoch = self.epoch.lock();
        *epoch += 1;
        self.cache.remove(&first);
        for key in keys {
            self.cache.remove(&key);
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&self) {
        let mut epoch = self.epoch.lock();
        *epoch += 1;
        self.cache.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Cached for u64 {
        fn bytes(&self) -> u64 {
            100
        }
    }

    #[test]
    fn a_reader_does_not_put_back_what_a_batch_changed() {
        let cache = ReadCache::<u32, u64>::new(16, 10_000);
        let read = |value| cache.get(1, || Ok(Some(value))).unwrap().map(|value| *value);
        assert_eq!((read(7), read(8)), (Some(7), Some(7)), "the second is cached");
        cache.forget([1].into_iter());
        // While this one reads, a batch ends.
        let late = cache.get(1, || {
            cache.forget([1].into_iter());
            Ok(Some(9))
        });
        assert_eq!(late.unwrap().as_deref(), Some(&9));
        assert_eq!(read(10), Some(10));
        cache.clear();
        assert_eq!((cache.bytes(), read(11)), (0, Some(11)));
        assert!(cache.get(2, || Ok(None)).unwrap().is_none());
    }

    #[test]
    fn bytes_are_bounded() {
        let cache = ReadCache::<u32, u64>::new(16, 10_000);
        for key in 0..1_000 {
            cache.get(key, || Ok(Some(1))).unwrap();
        }
        assert!((1_000..=10_000).contains(&cache.bytes()), "{}", cache.bytes());
    }
}
