//! Opening the storage engine's files.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};

use super::{ENGINE_FOLDER, io_error};
use crate::error::StateError;
use crate::keys::Table;

/// Size of the block cache, in bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// A memtable is written out at this size, in bytes; up to four may be waiting.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// Journals are kept below this size, in bytes, by writing memtables out earlier.
const JOURNAL_BYTES: u64 = 128 << 20;
/// One thread writes memtables out and compacts. With two, fjall 3.1 keeps one of them spinning on its queue whenever the other
/// compacts: an eighth of an import's time.
const WORKERS: usize = 1;

/// The open files. They are closed when the last clone of either is gone.
pub(super) struct Engine {
    pub(super) db: Database,
    pub(super) keyspace: Keyspace,
}

impl Engine {
    pub(super) fn open(dir: &Path) -> Result<Self, StateError> {
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
            Ok(Ok((db, keyspace))) => Ok(Self { db, keyspace }),
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
}

/// Refuses a folder in which the engine would panic while holding its own locks (which ends the process), because of file names that it
/// asserts, and one that it would read wrongly.
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
        problem: "this is not a file of the storage engine".to_owned(),
    };
    let entries = list(engine)?;
    let is_journal = |entry: &fs::DirEntry| Path::new(&entry.file_name()).extension().is_some_and(|ext| ext == "jnl");
    if entries.iter().any(|entry| entry.file_name() == "version") && !entries.iter().any(is_journal) {
        // The engine counts its writes from the journals: without any it would take new values for older than those it has.
        return Err(StateError::Corrupt {
            path: engine.display().to_string(),
            table: Table::Meta.name(),
            problem: "the journals of the storage engine are missing".to_owned(),
        });
    }
    for entry in entries {
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
