//! One batch in the making: reads see what the batch wrote, and nothing reaches the store before the end.

use fjall::UserValue;
use quick_cache::unsync::Cache;
use rustc_hash::FxHashMap;

use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::storage::Storage;

/// Values that the writer read or wrote lately (`None`: not there), so that a running import hardly ever asks the engine.
pub(crate) struct WriterCache(Cache<Key, Option<UserValue>>);

impl WriterCache {
    /// Values kept: about 20 MB of keys and short values.
    const CAPACITY: usize = 120_000;

    pub(crate) fn new() -> Self {
        Self(Cache::new(Self::CAPACITY))
    }
}

/// A batch in the making.
pub(crate) struct Tx<'a> {
    storage: &'a Storage,
    cache: &'a mut WriterCache,
    writes: FxHashMap<Key, Option<UserValue>>,
    scratch: Encoder,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(storage: &'a Storage, cache: &'a mut WriterCache) -> Self {
        Self { storage, cache, writes: FxHashMap::default(), scratch: Encoder::default() }
    }

    /// The value of a key as of this batch.
    pub(crate) fn get(&mut self, key: &Key) -> Result<Option<UserValue>, StateError> {
        if let Some(written) = self.writes.get(key) {
            return Ok(written.clone());
        }
        if !key.table().is_read_by_writer() {
            return self.storage.get(key);
        }
        if let Some(known) = self.cache.0.get(key) {
            return Ok(known.clone());
        }
        let value = self.storage.get(key)?;
        self.cache.0.insert(*key, value.clone());
        Ok(value)
    }

    /// The decoded value of a key as of this batch.
    pub(crate) fn read<T>(
        &mut self,
        key: &Key,
        decode: impl FnOnce(Decoder<'_>) -> Option<T>,
    ) -> Result<Option<T>, StateError> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        match decode(Decoder(&value)) {
            Some(value) => Ok(Some(value)),
            None => Err(self.storage.corrupt(key.table(), "a value cannot be read")),
        }
    }

    /// Sets a key to what `encode` writes.
    pub(crate) fn put(&mut self, key: Key, encode: impl FnOnce(&mut Encoder)) {
        self.scratch.0.clear();
        encode(&mut self.scratch);
        self.writes.insert(key, Some(UserValue::from(self.scratch.0.as_slice())));
    }

    pub(crate) fn delete(&mut self, key: Key) {
        self.writes.insert(key, None);
    }

    /// The keys of a table that the batch writes.
    pub(crate) fn written(&self, table: Table) -> impl Iterator<Item = &Key> {
        self.writes.keys().filter(move |key| key.table() == table)
    }

    /// Writes the batch.
    pub(crate) fn commit(self) -> Result<(), StateError> {
        for (key, value) in self.writes.iter().filter(|(key, _)| key.table().is_read_by_writer()) {
            // The newest entries of a ring are written once and never read by the writer: only heads are worth keeping.
            let is_ring_entry = matches!(key.table(), Table::Seen | Table::Served) && key.as_bytes().len() > 9;
            if !is_ring_entry {
                self.cache.0.insert(*key, value.clone());
            }
        }
        // In key order: neighbours find their place in the engine's tree at half the cost.
        let mut writes: Vec<_> = self.writes.into_iter().collect();
        writes.sort_unstable_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
        self.storage.write(writes.into_iter())
    }
}
