//! An unfinished batch: reads see what the batch wrote, and nothing reaches the store before the end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use fjall::UserValue;
use quick_cache::unsync::Cache;
use rustc_hash::FxHashMap;

use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::storage::Storage;

/// Values that the writer read or wrote lately (`None`: no value), so that a running import rarely reads from the engine.
pub(crate) struct WriterCache(Cache<Key, Option<UserValue>>);

impl WriterCache {
    /// Most values kept: about 20 MB of keys and short values.
    const CAPACITY: usize = 120_000;

    pub(crate) fn new() -> Self {
        Self(Cache::new(Self::CAPACITY))
    }
}

/// An unfinished batch.
pub(crate) struct Tx<'a> {
    storage: &'a Storage,
    cache: &'a mut WriterCache,
    writes: FxHashMap<Key, Option<UserValue>>,
    /// Writes to the tables in which the writer looks for neighbours.
    ordered: BTreeMap<Key, Option<UserValue>>,
    scratch: Encoder,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(storage: &'a Storage, cache: &'a mut WriterCache) -> Self {
        Self { storage, cache, writes: FxHashMap::default(), ordered: BTreeMap::new(), scratch: Encoder::default() }
    }

    /// The value of a key as of this batch.
    pub(crate) fn get(&mut self, key: &Key) -> Result<Option<UserValue>, StateError> {
        let written = if key.table().is_ordered() { self.ordered.get(key) } else { self.writes.get(key) };
        if let Some(written) = written {
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
            None => Err(self.corrupt(key.table(), "a value cannot be read")),
        }
    }

    /// The error of a value that cannot be read; marks the store for rebuilding.
    pub(crate) fn corrupt(&self, table: Table, problem: &str) -> StateError {
        self.storage.corrupt(table, problem)
    }

    /// Sets a key to what `encode` writes.
    pub(crate) fn put(&mut self, key: Key, encode: impl FnOnce(&mut Encoder)) {
        self.scratch.0.clear();
        encode(&mut self.scratch);
        let value = UserValue::from(self.scratch.0.as_slice());
        self.write(key, Some(value));
    }

    pub(crate) fn delete(&mut self, key: Key) {
        self.write(key, None);
    }

    fn write(&mut self, key: Key, value: Option<UserValue>) {
        if key.table().is_ordered() {
            self.ordered.insert(key, value);
        } else {
            self.writes.insert(key, value);
        }
    }

    /// The keys of an ordered table that start with `prefix`, as of this batch, in order.
    pub(crate) fn keys(&self, prefix: &Key) -> Result<Vec<Key>, StateError> {
        let mut keys = BTreeSet::new();
        for pair in self.storage.scan(prefix)? {
            keys.insert(prefix.longer(&pair?.0));
        }
        for (key, value) in self.ordered.range(*prefix..).take_while(|(key, _)| key.starts_with(prefix)) {
            if value.is_some() {
                keys.insert(*key);
            } else {
                keys.remove(key);
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// The greatest key of an ordered table below `key` that starts with `prefix`, as of this batch.
    pub(crate) fn before(&self, prefix: &Key, key: &Key) -> Result<Option<Key>, StateError> {
        let written = self.ordered.range(*prefix..*key).rev().find(|(_, value)| value.is_some()).map(|(key, _)| *key);
        for pair in self.storage.range(prefix, key)?.rev() {
            let stored = prefix.longer(&pair?.0);
            if written >= Some(stored) {
                break;
            }
            if self.ordered.get(&stored).is_none_or(Option::is_some) {
                return Ok(Some(stored));
            }
        }
        Ok(written)
    }

    /// The smallest key of an ordered table above `key` that starts with `prefix`, as of this batch.
    pub(crate) fn after(&self, prefix: &Key, key: &Key) -> Result<Option<Key>, StateError> {
        let above = (Bound::Excluded(*key), Bound::Unbounded);
        let in_prefix = self.ordered.range(above).take_while(|(key, _)| key.starts_with(prefix));
        let written = in_prefix.filter(|(_, value)| value.is_some()).map(|(key, _)| *key).next();
        for pair in self.storage.scan_from(key, prefix)? {
            let stored = prefix.longer(&pair?.0);
            if written.is_some_and(|written| written <= stored) {
                break;
            }
            if stored > *key && self.ordered.get(&stored).is_none_or(Option::is_some) {
                return Ok(Some(stored));
            }
        }
        Ok(written)
    }

    /// The keys of a table that the batch writes.
    pub(crate) fn written(&self, table: Table) -> impl Iterator<Item = &Key> {
        let ordered =
            self.ordered.range(Key::of(table)..).map(|(key, _)| key).take_while(move |key| key.table() == table);
        self.writes.keys().filter(move |key| key.table() == table).chain(ordered)
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
        // In key order: inserting neighbours costs the engine half as much.
        let mut writes: Vec<_> = self.writes.into_iter().chain(self.ordered).collect();
        writes.sort_unstable_by_key(|(key, _)| *key);
        self.storage.write(writes.into_iter())
    }
}
