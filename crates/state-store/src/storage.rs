//! The fjall keyspace that holds every table.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, Readable, Snapshot, UserKey, UserValue};

use crate::error::StateError;
use crate::keys::{Key, Table};

/// Blocks kept in memory, in bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// A memtable is written out at this size, in bytes; up to four wait their turn.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// Journals are kept below this size, in bytes, by writing memtables out earlier.
const JOURNAL_BYTES: u64 = 128 << 20;
/// One thread writes memtables out and compacts. With two, fjall 3.1 keeps one of them spinning on its queue whenever the other
/// compacts, an eighth of all the time an import takes.
const WORKERS: usize = 1;

/// The folder inside the state's own that the engine owns, and the only one that is ever deleted.
const ENGINE_FOLDER: &str = "fjall";
/// A file beside it that says: damaged, rebuild at the next start.
const DAMAGE_MARK: &str = "REBUILD";

/// The keyspace and where it lies.
pub(crate) struct Storage {
    dir: PathBuf,
    db: Database,
    keyspace: Keyspace,
}

impl Storage {
    /// Opens or creates the store below `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, StateError> {
        let engine = dir.join(ENGINE_FOLDER);
        fs::create_dir_all(&engine).map_err(|source| io_error("create", &engine, source))?;
        check_layout(&engine)?;
        // The engine asserts some of what it reads back; a damaged folder must end in an error all the same.
        let opened = catch_unwind(AssertUnwindSafe(|| -> fjall::Result<_> {
            let db = Database::builder(&engine)
                .cache_size(CACHE_BYTES)
                .max_journaling_size(JOURNAL_BYTES)
                .worker_threads(WORKERS)
                .open()?;
            let keyspace =
                db.keyspace("state", || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES))?;
            Ok((db, keyspace))
        }));
        match opened {
            Ok(Ok((db, keyspace))) => Ok(Self { dir: dir.to_owned(), db, keyspace }),
            Ok(Err(fjall::Error::Locked)) => Err(StateError::InUse { path: dir.display().to_string() }),
            Ok(Err(source)) => {
                Err(StateError::Storage { path: dir.display().to_string(), table: Table::Meta.name(), source })
            }
            Err(_) => Err(StateError::Corrupt {
                path: dir.display().to_string(),
                table: Table::Meta.name(),
                problem: "the storage engine cannot read its files".to_owned(),
            }),
        }
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

    /// Whether there is anything below `dir` yet.
    pub(crate) fn exists(dir: &Path) -> bool {
        dir.join(ENGINE_FOLDER).exists()
    }

    /// Bytes of blocks that are cached, and of what is not written out yet.
    pub(crate) fn memory_bytes(&self) -> (u64, u64) {
        (self.db.cache_size(), self.db.write_buffer_size())
    }

    /// The folder, as messages name it.
    pub(crate) fn path(&self) -> String {
        self.dir.display().to_string()
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Option<UserValue>, StateError> {
        self.keyspace.get(key).map_err(|e| self.failed(key.table(), e))
    }

    /// A view that later batches do not change.
    pub(crate) fn snapshot(&self) -> View<'_> {
        View { storage: self, snapshot: self.db.snapshot() }
    }

    /// Every pair whose key starts with `prefix`, in key order.
    pub(crate) fn scan(
        &self,
        prefix: &Key,
    ) -> impl DoubleEndedIterator<Item = Result<(UserKey, UserValue), StateError>> + '_ {
        let table = prefix.table();
        self.keyspace.prefix(prefix).map(move |pair| pair.into_inner().map_err(|e| self.failed(table, e)))
    }

    /// Every pair with `from <= key < to`, in key order.
    pub(crate) fn range(
        &self,
        from: &Key,
        to: &Key,
    ) -> impl DoubleEndedIterator<Item = Result<(UserKey, UserValue), StateError>> + '_ {
        let table = from.table();
        self.keyspace
            .range(from.as_bytes()..to.as_bytes())
            .map(move |pair| pair.into_inner().map_err(|e| self.failed(table, e)))
    }

    /// Every pair from `from` on whose key starts with `prefix`, in key order.
    pub(crate) fn scan_from(
        &self,
        from: &Key,
        prefix: &Key,
    ) -> impl Iterator<Item = Result<(UserKey, UserValue), StateError>> + '_ {
        let (table, prefix) = (from.table(), *prefix);
        self.keyspace
            .range(from.as_bytes()..)
            .map(move |pair| pair.into_inner().map_err(|e| self.failed(table, e)))
            .take_while(move |pair| pair.as_ref().map_or(true, |(key, _)| key.starts_with(prefix.as_bytes())))
    }

    /// Every pair of every table, in key order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Result<(UserKey, UserValue), StateError>> + '_ {
        self.keyspace.iter().map(|pair| pair.into_inner().map_err(|e| self.failed(Table::Meta, e)))
    }

    /// Writes pairs, all or none; `None` deletes. Not synced: the log is what must survive a power cut.
    pub(crate) fn write(
        &self,
        pairs: impl ExactSizeIterator<Item = (Key, Option<UserValue>)>,
    ) -> Result<(), StateError> {
        let mut batch = fjall::OwnedWriteBatch::with_capacity(self.db.clone(), pairs.len())
            .durability(Some(fjall::PersistMode::Buffer));
        for (key, value) in pairs {
            match value {
                Some(value) => batch.insert(&self.keyspace, key.as_bytes(), value),
                None => batch.remove(&self.keyspace, key.as_bytes()),
            }
        }
        batch.commit().map_err(|e| self.failed(Table::Meta, e))
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
}

impl View<'_> {
    pub(crate) fn get(&self, key: &Key) -> Result<Option<UserValue>, StateError> {
        self.snapshot.get(&self.storage.keyspace, key).map_err(|e| self.storage.failed(key.table(), e))
    }

    /// Every pair whose key starts with `prefix`, in key order.
    pub(crate) fn scan(
        &self,
        prefix: &Key,
    ) -> impl DoubleEndedIterator<Item = Result<(UserKey, UserValue), StateError>> + '_ {
        let table = prefix.table();
        self.snapshot
            .prefix(&self.storage.keyspace, prefix)
            .map(move |pair| pair.into_inner().map_err(|e| self.storage.failed(table, e)))
    }
}

/// Refuses a folder in which the engine would panic while holding its own locks (which ends the process): file names it asserts.
fn check_layout(engine: &Path) -> Result<(), StateError> {
    let list = |dir: &Path| -> Result<Vec<fs::DirEntry>, StateError> {
        match fs::read_dir(dir) {
            Ok(entries) => entries.collect::<Result<_, _>>().map_err(|source| io_error("list", dir, source)),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(io_error("list", dir, source)),
        }
    };
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    let stem_is_number = |name: &str| name.split('.').next().is_some_and(|stem| stem.parse::<u64>().is_ok());
    let foreign = |entry: &fs::DirEntry| StateError::Corrupt {
        path: entry.path().display().to_string(),
        table: Table::Meta.name(),
        problem: "this is no file of the storage engine".to_owned(),
    };
    for entry in list(engine)? {
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| foreign(&entry))?;
        if Path::new(name).extension().is_some_and(|ext| ext.eq_ignore_ascii_case("jnl"))
            && !(is_file(&entry) && stem_is_number(name))
        {
            return Err(foreign(&entry));
        }
    }
    for entry in list(&engine.join("keyspaces"))? {
        let number = entry.file_name().to_str().is_some_and(|name| name.parse::<u64>().is_ok());
        if !number && !is_file(&entry) {
            return Err(foreign(&entry));
        }
    }
    Ok(())
}

fn io_error(what: &'static str, path: &Path, source: std::io::Error) -> StateError {
    StateError::Io { what, path: path.display().to_string(), source }
}
