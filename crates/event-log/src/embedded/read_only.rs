//! A log that is read while another process may write it: without its lock, and without changing anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use foryou_io::FolderLock;
use foryou_types::{Dictionary, Namespace, TimeMs};
use rustc_hash::FxHashMap;

use super::description::Description;
use super::mark::SyncedMark;
use super::view::View;
use crate::batch::{Layout, join_chunks};
use crate::error::LogError;
use crate::event::{Event, EventBody, Topic};
use crate::meaning::Meaning;
use crate::position::Position;
use crate::segment::chain::Chain;
use crate::segment::inspect::{Inspected, inspect};
use crate::sink::{AppendError, Appended, EventSink, ImportLedger};
use crate::source::{EventSource, LogHead, Record};

/// How often reading is tried again if a batch is just being written.
const LOOKS: u32 = 20;
/// Time between two tries.
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// The log in a folder as it was when it was opened: later appends are not seen.
///
/// Needs no write permission, takes no lock and leaves every file as it is. An unfinished batch at the end is not part of it.
pub struct ReadOnlyLog {
    path: PathBuf,
    layout: Layout,
    meaning: Option<Meaning>,
    view: View,
    /// Read from the log when first asked for: the index belongs to the writer.
    dictionary: OnceLock<Result<NameTable, String>>,
}

#[derive(Debug, Default)]
struct NameTable {
    ids: FxHashMap<(Namespace, String), u64>,
    names: FxHashMap<(Namespace, u64), String>,
    progress: BTreeMap<(String, String, u64), Vec<u32>>,
}

impl std::fmt::Debug for ReadOnlyLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadOnlyLog").field("path", &self.path).field("head", &self.head()).finish_non_exhaustive()
    }
}

impl ReadOnlyLog {
    /// Opens the log in a folder; it must exist. Damage is an error, as it is for a writer.
    pub fn open(dir: &Path) -> Result<Self, LogError> {
        let mut looks = LOOKS;
        loop {
            looks -= 1;
            match Self::look(dir) {
                // If a writer is active, this may be its unfinished work.
                Err(LogError::Damaged(_) | LogError::Missing { .. })
                    if looks > 0 && matches!(FolderLock::holder(dir), Ok(Some(_))) =>
                {
                    std::thread::sleep(BETWEEN_LOOKS);
                }
                looked => return looked,
            }
        }
    }

    fn look(dir: &Path) -> Result<Self, LogError> {
        let description = Description::read(dir)?;
        let layout = Layout::new(description.partitions);
        // Read before the segments: a writer is never behind its mark.
        let mark = SyncedMark::read(dir);
        let Inspected { segments, tail, .. } = inspect(&dir.join("segments"), layout)?;
        super::check_mark(dir, mark, tail.position.next_seq)?;
        let view = View::new(Chain(Arc::new(segments)), &tail);
        Ok(Self { path: dir.to_owned(), layout, meaning: description.meaning, view, dictionary: OnceLock::new() })
    }

    /// What the stored events mean; `None` in a log that only older versions have opened.
    pub const fn meaning(&self) -> Option<&Meaning> {
        self.meaning.as_ref()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.view.chain.0.iter().map(|segment| segment.bytes()).sum()
    }

    fn dictionary(&self) -> Result<&NameTable, LogError> {
        let read = || {
            let mut dictionary = NameTable::default();
            let take = &mut |record: Record| {
                dictionary.take(record.event.body);
                true
            };
            self.view.read_partition(self.layout, (Topic::Meta, 0), 0, take).map_err(|e| e.to_string())?;
            Ok(dictionary)
        };
        let dictionary = self.dictionary.get_or_init(read).as_ref();
        dictionary.map_err(|problem| crate::segment::corrupt(&self.path, problem.clone()))
    }

    fn lookup<T>(&self, look: impl FnOnce(&NameTable) -> Option<T>) -> Option<T> {
        match self.dictionary() {
            Ok(dictionary) => look(dictionary),
            Err(error) => {
                tracing::error!(%error, "the names in the log cannot be read");
                None
            }
        }
    }
}

impl NameTable {
    fn take(&mut self, body: EventBody) {
        match body {
            EventBody::Name { namespace, id, name } => {
                self.names.insert((namespace, id), name.clone());
                self.ids.insert((namespace, name), id);
            }
            EventBody::ImportProgress(progress) => {
                self.progress.insert((progress.kind, progress.role, progress.first_row), progress.row_hashes);
            }
            _ => {}
        }
    }
}

impl EventSink for ReadOnlyLog {
    /// Always an error.
    fn append(&self, _: Vec<Event>) -> Result<Appended, AppendError> {
        Err(LogError::ReadOnly { path: self.path.display().to_string() }.into())
    }

    /// Reads the log: the index of ids belongs to the writer.
    fn has_id(&self, id: &str) -> Result<bool, LogError> {
        let mut found = false;
        self.read_from(&Position::default(), &mut |records, _| {
            found = records.iter().any(|record| record.event.id.as_deref() == Some(id));
            !found
        })?;
        Ok(found)
    }
}

impl EventSource for ReadOnlyLog {
    fn head(&self) -> LogHead {
        self.view.head.clone()
    }

    /// Does not wait: the end never moves.
    fn wait_past(&self, position: &Position, _: Duration) -> bool {
        !position.covers(&self.view.head.position)
    }

    fn holds(&self, position: &Position) -> Result<bool, LogError> {
        self.view.holds(self.layout, position)
    }

    fn position_at(&self, events: u64) -> Result<Option<Position>, LogError> {
        self.view.position_at(self.layout, events)
    }

    fn read_from(
        &self,
        from: &Position,
        apply: &mut dyn FnMut(Vec<Record>, &Position) -> bool,
    ) -> Result<(), LogError> {
        self.view.read_from(self.layout, from, apply)
    }

    fn read_partition(
        &self,
        topic: Topic,
        partition: u16,
        offset: u64,
        apply: &mut dyn FnMut(Record) -> bool,
    ) -> Result<(), LogError> {
        self.view.read_partition(self.layout, (topic, partition), offset, apply)
    }

    fn partitions(&self, topic: Topic) -> u16 {
        self.layout.partitions(topic)
    }

    fn end_offset(&self, topic: Topic, partition: u16) -> u64 {
        self.layout.slot(topic, partition).map_or(0, |slot| self.view.ends[slot])
    }

    fn offset_for_time(&self, topic: Topic, partition: u16, at: TimeMs) -> Result<u64, LogError> {
        self.layout.slot(topic, partition).map_or(Ok(0), |slot| self.view.offset_for_time(slot, at))
    }
}

impl ImportLedger for ReadOnlyLog {
    fn import_progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, LogError> {
        let first = (kind.to_owned(), role.to_owned(), 0);
        let last = (kind.to_owned(), role.to_owned(), u64::MAX);
        let chunks = self.dictionary()?.progress.range(first..=last);
        join_chunks(chunks.map(|((.., row), hashes)| Ok((*row, hashes.clone()))))
    }
}

impl Dictionary for ReadOnlyLog {
    fn id_of(&self, namespace: Namespace, name: &str) -> Option<u64> {
        self.lookup(|dictionary| dictionary.ids.get(&(namespace, name.to_owned())).copied())
    }

    fn name_of(&self, namespace: Namespace, id: u64) -> Option<String> {
        self.lookup(|dictionary| dictionary.names.get(&(namespace, id)).cloned())
    }
}
