//! The fjall keyspace that holds every table.

mod engine;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event_log::{Disk, try_writing};
use fjall::{Keyspace, Readable, Snapshot, UserKey, UserValue};
use parking_lot::RwLock;

use self::engine::Engine;
use crate::error::StateError;
use crate::keys::{Key, Table};

/// The engine's folder inside the state's folder; only this one is ever deleted.
const ENGINE_FOLDER: &str = "fjall";
/// A file next to it that says: damaged, rebuild at the next start.
const DAMAGE_MARK: &str = "REBUILD";

/// The keyspace and where it lies.
pub(crate) struct Storage {
    dir: PathBuf,
    /// `None` after a write failed and the files could not be opened again yet.
    engine: RwLock<Option<Engine>>,
    /// The next write fails.
    #[cfg(test)]
    breaks: std::sync::atomic::AtomicBool,
}

/// How often the files are tried while reads that began before still have them open, and how long each wait is.
const REOPEN_TRIES: usize = 40;
const REOPEN_WAIT: Duration = Duration::from_millis(25);

/// A pair of the store, or the error of reading it.
type Pair = Result<(UserKey, UserValue), StateError>;

impl Storage {
    /// Opens or creates the store below `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, StateError> {
        Ok(Self {
            dir: dir.to_owned(),
            engine: RwLock::new(Some(Engine::open(dir)?)),
            #[cfg(test)]
            breaks: std::sync::atomic::AtomicBool::default(),
        })
    }

    /// Closes the files and opens them again: after a failed write the engine accepts no more writes. Nothing is closed before the
    /// folder can be written to again, so everything stays readable on a full disk.
    pub(crate) fn reopen(&self) -> Result<(), StateError> {
        try_writing(&self.dir, &Disk).map_err(|source| io_error("write to", &self.dir, source))?;
        // Reads wait meanwhile; earlier ones are over, or hold a view (`View`) of the old files.
        let mut engine = self.engine.write();
        *engine = None;
        let mut tries = REOPEN_TRIES;
        *engine = Some(loop {
            tries -= 1;
            match Engine::open(&self.dir) {
                Err(StateError::InUse { .. }) if tries > 0 => std::thread::sleep(REOPEN_WAIT),
                opened => break opened?,
            }
        });
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn fail_next_write(&self) {
        self.breaks.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// Uses the open files.
    fn with<T>(&self, using: impl FnOnce(&Engine) -> T) -> Result<T, StateError> {
        self.engine.read().as_ref().map(using).ok_or_else(|| StateError::Stopped { path: self.path() })
    }

    /// Deletes the store below `dir`.
    pub(crate) fn delete(dir: &Path) -> Result<(), StateError> {
        let engine = dir.join(ENGINE_FOLDER);
        for (path, result) in [(dir.join(DAMAGE_MARK), fs::remove_file(dir.join(DAMAGE_MARK))), {
            let result = fs::remove_dir_all(&engine);
            (engine, result)
        }] {
            match result {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io_error("delete", &path, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether an earlier run found the store damaged.
    pub(crate) fn is_marked_damaged(dir: &Path) -> bool {
        dir.join(DAMAGE_MARK).exists()
    }

    /// Whether there is a store below `dir`.
    pub(crate) fn exists(dir: &Path) -> bool {
        dir.join(ENGINE_FOLDER).exists()
    }

    /// Bytes of cached blocks, and of memtables that are not written out yet.
    pub(crate) fn memory_bytes(&self) -> (u64, u64) {
        self.engine.read().as_ref().map_or((0, 0), |engine| (engine.db.cache_size(), engine.db.write_buffer_size()))
    }

    /// The folder, for messages.
    pub(crate) fn path(&self) -> String {
        self.dir.display().to_string()
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Option<UserValue>, StateError> {
        self.with(|engine| engine.keyspace.get(key))?.map_err(|e| self.failed(key.table(), e))
    }

    /// A view that later batches do not change.
    pub(crate) fn snapshot(&self) -> Result<View<'_>, StateError> {
        self.with(|engine| View { storage: self, snapshot: engine.db.snapshot(), keyspace: engine.keyspace.clone() })
    }

    /// Every pair whose key starts with `prefix`, in key order.
    pub(crate) fn scan(&self, prefix: &Key) -> Result<impl DoubleEndedIterator<Item = Pair> + '_, StateError> {
        let pairs = self.with(|engine| engine.keyspace.prefix(prefix))?;
        Ok(self.read(prefix.table(), pairs))
    }

    /// Every pair with `from <= key < to`, in key order.
    pub(crate) fn range(&self, from: &Key, to: &Key) -> Result<impl DoubleEndedIterator<Item = Pair> + '_, StateError> {
        let pairs = self.with(|engine| engine.keyspace.range(from.as_bytes()..to.as_bytes()))?;
        Ok(self.read(from.table(), pairs))
    }

    /// Every pair from `from` on whose key starts with `prefix`, in key order.
    pub(crate) fn scan_from(&self, from: &Key, prefix: &Key) -> Result<impl Iterator<Item = Pair> + '_, StateError> {
        let pairs = self.with(|engine| engine.keyspace.range(from.as_bytes()..))?;
        let prefix = *prefix;
        Ok(self
            .read(from.table(), pairs)
            .take_while(move |pair| pair.as_ref().map_or(true, |(key, _)| key.starts_with(prefix.as_bytes()))))
    }

    /// Every pair of every table, in key order.
    pub(crate) fn all(&self) -> Result<impl Iterator<Item = Pair> + '_, StateError> {
        let pairs = self.with(|engine| engine.keyspace.iter())?;
        Ok(self.read(Table::Meta, pairs))
    }

    fn read(&self, table: Table, pairs: fjall::Iter) -> impl DoubleEndedIterator<Item = Pair> + '_ {
        pairs.map(move |pair| pair.into_inner().map_err(|e| self.failed(table, e)))
    }

    /// Writes pairs, all or none; `None` deletes. Not synced: the log is what must survive a power cut.
    pub(crate) fn write(
        &self,
        pairs: impl ExactSizeIterator<Item = (Key, Option<UserValue>)>,
    ) -> Result<(), StateError> {
        #[cfg(test)]
        if self.breaks.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return Err(io_error("write to", &self.dir, std::io::ErrorKind::StorageFull.into()));
        }
        let written = self.with(|Engine { db, keyspace }| {
            let mut batch = fjall::OwnedWriteBatch::with_capacity(db.clone(), pairs.len())
                .durability(Some(fjall::PersistMode::Buffer));
            for (key, value) in pairs {
                match value {
                    Some(value) => batch.insert(keyspace, key.as_bytes(), value),
                    None => batch.remove(keyspace, key.as_bytes()),
                }
            }
            batch.commit()
        })?;
        written.map_err(|e| self.failed(Table::Meta, e))
    }

    /// The error of a value that cannot be read; marks the store for rebuilding.
    pub(crate) fn corrupt(&self, table: Table, problem: &str) -> StateError {
        self.mark_damaged();
        StateError::Corrupt { path: self.path(), table: table.name(), problem: problem.to_owned() }
    }

    fn failed(&self, table: Table, source: fjall::Error) -> StateError {
        let error = StateError::Storage { path: self.path(), table: table.name(), source };
        if error.is_damage() {
            self.mark_damaged();
        }
        error
    }

    fn mark_damaged(&self) {
        if let Err(error) = fs::write(self.dir.join(DAMAGE_MARK), "") {
            tracing::warn!(path = %self.dir.display(), %error, "cannot mark the state for rebuilding");
        }
    }
}

/// One moment of the store.
pub(crate) struct View<'a> {
    storage: &'a Storage,
    snapshot: Snapshot,
    keyspace: Keyspace,
}

impl View<'_> {
    pub(crate) fn get(&self, key: &Key) -> Result<Option<UserValue>, StateError> {
        self.snapshot.get(&self.keyspace, key).map_err(|e| self.storage.failed(key.table(), e))
    }

    /// Every pair whose key starts with `prefix`, in key order.
    pub(crate) fn scan(&self, prefix: &Key) -> impl DoubleEndedIterator<Item = Pair> + '_ {
        self.storage.read(prefix.table(), self.snapshot.prefix(&self.keyspace, prefix))
    }
}

fn io_error(what: &'static str, path: &Path, source: std::io::Error) -> StateError {
    StateError::Io { what, path: path.display().to_string(), source }
}
