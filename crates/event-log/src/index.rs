//! The index next to the segments: everything that is looked up by key. Derived; rebuilt from the segments whenever it does not fit.
//!
//! It is one fjall keyspace: a batch is atomic in one memtable, so the index always belongs to some prefix of the log. It is not
//! synced: what a crash loses is read again from the segments. Keys begin with a byte that says what they are:
//!
//! ```text
//! c                                   how far the index covers the log: next seq, check
//! v                                   format of the index
//! e hash128                           event id → seq
//! n namespace name                    string id → number
//! i namespace number                  number → string id
//! p len kind len role first_row       rows of an import → their hashes
//! s seq                               segment beginning there → newest time per slot
//! ```

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use foryou_types::Namespace;

use crate::batch::{Known, id_hash, join_chunks};
use crate::error::LogError;
use crate::event::{Event, EventBody};
use crate::segment::BatchEnd;

/// Raised when keys or values change: an index of another format is rebuilt.
const FORMAT: &[u8] = b"1";

const COVERED: &[u8] = b"c";
const VERSION: &[u8] = b"v";

/// The index is looked up at random; blocks of the dictionary of a large set should stay in memory.
const CACHE_BYTES: u64 = 64 << 20;
/// Small: the segments hold everything too.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// fjall's least.
const JOURNAL_BYTES: u64 = 64 << 20;

/// An open index.
pub(crate) struct Index {
    path: PathBuf,
    database: Database,
    keyspace: Keyspace,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Entries that are written to the index together.
#[derive(Debug, Default)]
pub(crate) struct Entries(Vec<(Vec<u8>, Vec<u8>)>);

impl Entries {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What an event puts into the index.
    pub(crate) fn add(&mut self, seq: u64, event: &Event) {
        if let Some(id) = &event.id {
            self.0.push((event_key(id_hash(id)), seq.to_le_bytes().to_vec()));
        }
        match &event.body {
            EventBody::Name { namespace, id, name } => {
                self.0.push((name_key(*namespace, name), id.to_le_bytes().to_vec()));
                self.0.push((number_key(*namespace, *id), name.as_bytes().to_vec()));
            }
            EventBody::ImportProgress(progress) => {
                let mut key = progress_key(&progress.kind, &progress.role);
                key.extend_from_slice(&progress.first_row.to_be_bytes());
                let hashes = progress.row_hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
                self.0.push((key, hashes));
            }
            _ => {}
        }
    }
}

const fn space(namespace: Namespace) -> u8 {
    match namespace {
        Namespace::Users => b'u',
        Namespace::Posts => b'p',
    }
}

fn event_key(hash: u128) -> Vec<u8> {
    let mut key = vec![b'e'];
    key.extend_from_slice(&hash.to_be_bytes());
    key
}

fn name_key(namespace: Namespace, name: &str) -> Vec<u8> {
    let mut key = vec![b'n', space(namespace)];
    key.extend_from_slice(name.as_bytes());
    key
}

fn number_key(namespace: Namespace, id: u64) -> Vec<u8> {
    let mut key = vec![b'i', space(namespace)];
    key.extend_from_slice(&id.to_be_bytes());
    key
}

fn progress_key(kind: &str, role: &str) -> Vec<u8> {
    let mut key = vec![b'p'];
    for part in [kind, role] {
        key.extend_from_slice(&(part.len() as u16).to_be_bytes());
        key.extend_from_slice(part.as_bytes());
    }
    key
}

fn segment_key(base_seq: u64) -> Vec<u8> {
    let mut key = vec![b's'];
    key.extend_from_slice(&base_seq.to_be_bytes());
    key
}

fn words(bytes: &[u8]) -> Option<Vec<u64>> {
    let chunks = bytes.chunks_exact(8);
    chunks.remainder().is_empty().then(|| chunks.map(|c| c.try_into().map_or(0, u64::from_le_bytes)).collect())
}

impl Index {
    /// Opens the index in a folder, or begins one.
    ///
    /// fjall may panic on a damaged index; such a panic counts as an error.
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        if path.join("version").exists() && !has_journal(path) {
            // The engine counts its writes from the journals: without any it would take new values for older than those it has.
            let problem = "the journals of the storage engine are missing".to_owned();
            return Err(LogError::Index { path: path.display().to_string(), problem });
        }
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = Database::builder(path)
                .cache_size(CACHE_BYTES)
                .max_journaling_size(JOURNAL_BYTES)
                .worker_threads(1)
                .open()?;
            let keyspace =
                database.keyspace("index", || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES))?;
            Ok::<_, fjall::Error>((database, keyspace))
        }));
        match opened {
            Ok(Ok((database, keyspace))) => Ok(Self { path: path.to_owned(), database, keyspace }),
            Ok(Err(error)) => Err(index_error(path, &error)),
            Err(_) => Err(LogError::Index { path: path.display().to_string(), problem: "cannot be opened".to_owned() }),
        }
    }

    /// Deletes the index in a folder and begins an empty one.
    pub(crate) fn begin_anew(path: &Path) -> Result<Self, LogError> {
        if path.exists() {
            fs::remove_dir_all(path).map_err(crate::segment::io_error("removing", path))?;
        }
        let index = Self::open(path)?;
        index.keyspace.insert(VERSION, FORMAT).map_err(|e| index.error(&e))?;
        Ok(index)
    }

    fn error(&self, error: &fjall::Error) -> LogError {
        index_error(&self.path, error)
    }

    fn corrupt(&self, problem: &str) -> LogError {
        LogError::Index { path: self.path.display().to_string(), problem: problem.to_owned() }
    }

    fn get(&self, key: &[u8]) -> Result<Option<fjall::UserValue>, LogError> {
        self.keyspace.get(key).map_err(|e| self.error(&e))
    }

    /// How far the index covers the log; `None` if it is of another format.
    pub(crate) fn covered(&self) -> Result<Option<BatchEnd>, LogError> {
        if self.get(VERSION)?.as_deref() != Some(FORMAT) {
            return Ok(None);
        }
        match self.get(COVERED)?.as_deref().map(words) {
            None => Ok(Some(BatchEnd::default())),
            Some(Some(words)) if words.len() == 2 => Ok(Some(BatchEnd { next_seq: words[0], check: words[1] })),
            Some(_) => Err(self.corrupt("the covered position cannot be read")),
        }
    }

    /// Writes entries and the position they bring the index to, together.
    pub(crate) fn commit(&self, entries: Entries, covered: BatchEnd) -> Result<(), LogError> {
        let mut batch = self.database.batch();
        let mut entries = entries.0;
        // In key order, which is faster. A batch has one sequence number, so of equal keys only the last may be written.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let mut entries = entries.into_iter().peekable();
        while let Some((key, value)) = entries.next() {
            if entries.peek().is_none_or(|(next, _)| *next != key) {
                batch.insert(&self.keyspace, key, value);
            }
        }
        let mut value = covered.next_seq.to_le_bytes().to_vec();
        value.extend_from_slice(&covered.check.to_le_bytes());
        batch.insert(&self.keyspace, COVERED, value);
        batch.commit().map_err(|e| self.error(&e))
    }

    /// Compares entries with the index: how many there are, and how many the index lacks or has with another value.
    pub(crate) fn compare(&self, entries: &Entries) -> Result<(u64, u64), LogError> {
        let mut wrong = 0;
        for (key, value) in &entries.0 {
            let found = self.get(key)?;
            // Rows of an import may be recorded again, together with more rows.
            let is_newest = key.first() != Some(&b'p') || found.as_ref().is_none_or(|found| found.len() < value.len());
            wrong += u64::from(is_newest && found.as_deref() != Some(value.as_slice()));
        }
        Ok((entries.0.len() as u64, wrong))
    }

    /// The newest time per slot of a complete segment, if it was recorded.
    pub(crate) fn segment(&self, base_seq: u64, slots: usize) -> Result<Option<Vec<i64>>, LogError> {
        let words = self.get(&segment_key(base_seq))?.and_then(|value| words(&value));
        Ok(words.filter(|w| w.len() == slots).map(|w| w.into_iter().map(u64::cast_signed).collect()))
    }

    /// Records the newest time per slot of a complete segment.
    pub(crate) fn note_segment(&self, base_seq: u64, newest_at: &[i64]) -> Result<(), LogError> {
        let value: Vec<u8> = newest_at.iter().flat_map(|at| at.to_le_bytes()).collect();
        self.keyspace.insert(segment_key(base_seq), value).map_err(|e| self.error(&e))
    }

    /// Hashes of the rows of an import.
    pub(crate) fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, LogError> {
        let prefix = progress_key(kind, role);
        join_chunks(self.keyspace.prefix(&prefix).map(|entry| {
            let (key, value) = entry.into_inner().map_err(|e| self.error(&e))?;
            let row = key.get(prefix.len()..).and_then(|row| row.try_into().ok()).map(u64::from_be_bytes);
            let row = row.ok_or_else(|| self.corrupt("import progress cannot be read"))?;
            Ok((row, value.chunks_exact(4).map(|c| c.try_into().map_or(0, u32::from_le_bytes)).collect()))
        }))
    }
}

impl Known for Index {
    fn has_event(&self, id_hash: u128) -> Result<bool, LogError> {
        self.keyspace.contains_key(event_key(id_hash)).map_err(|e| self.error(&e))
    }

    fn known_id(&self, namespace: Namespace, name: &str) -> Result<Option<u64>, LogError> {
        if name.is_empty() || name.len() > crate::batch::MAX_KEY_BYTES {
            return Ok(None);
        }
        let value = self.get(&name_key(namespace, name))?;
        value
            .map(|v| v.as_ref().try_into().map(u64::from_le_bytes).map_err(|_| self.corrupt("a number cannot be read")))
            .transpose()
    }

    fn known_name(&self, namespace: Namespace, id: u64) -> Result<Option<String>, LogError> {
        let value = self.get(&number_key(namespace, id))?;
        value.map(|v| String::from_utf8(v.to_vec()).map_err(|_| self.corrupt("a name cannot be read"))).transpose()
    }
}

fn has_journal(path: &Path) -> bool {
    let is_journal = |entry: &fs::DirEntry| Path::new(&entry.file_name()).extension().is_some_and(|ext| ext == "jnl");
    fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(|entry| is_journal(&entry)))
}

fn index_error(path: &Path, error: &fjall::Error) -> LogError {
    LogError::Index { path: path.display().to_string(), problem: error.to_string() }
}
