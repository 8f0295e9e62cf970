//! The log in one folder: segments, an index next to them, and one writer.
//!
//! An append goes through these steps, and an error at any of them leaves the log as it was:
//! duplicates are taken out (index) · the frame is built (memory) · a full segment is completed and the next begun · the frame is
//! written, and synced if so configured · the index takes the batch · the new end is published to readers and waiters.

mod description;
mod examine;
mod folder;
mod index_slot;
mod losses;
mod mark;
mod read_only;
mod repair;
mod sync;
mod view;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foryou_types::{Dictionary, Namespace, TimeMs};
use parking_lot::{Mutex, RwLock};

pub use examine::{Examination, examine};
pub use index_slot::{IndexCheck, check_index};
pub use read_only::ReadOnlyLog;
pub use repair::{Repaired, repair};
pub use sync::FsyncPolicy;

use crate::batch::{Layout, plan};
use crate::error::LogError;
use crate::event::{Event, Topic};
use crate::growth::Growth;
use crate::index::{Entries, Index};
use crate::meaning::Meaning;
use crate::position::Position;
use crate::segment::chain::Chain;
use crate::segment::inspect::inspect;
use crate::segment::reader::Cursor;
pub use crate::segment::recover::Recovery;
use crate::segment::storage::{Disk, Storage, try_writing};
use crate::segment::tail::Tail;
use crate::segment::writer::{self, SegmentWriter};
use crate::segment::{BatchEnd, corrupt, frame, io_error, recover};
use crate::sink::{AppendError, Appended, EventSink, ImportLedger, Refusal};
use crate::source::{EventSource, LogHead, Record};
use folder::Folder;
use index_slot::IndexSlot;
use mark::SyncedMark;
use sync::Syncer;
use view::View;

/// A batch without ids, names and progress does not touch the index until this many bytes were written since it last did: the
/// index then covers less than it could, which costs a scan of this many bytes at the next open.
const INDEX_LAG_BYTES: u64 = 8 << 20;

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Partitions of each topic except [`Topic::Meta`], 1 to 1,024. For a new folder; an existing one keeps its number.
    pub partitions: u16,
    /// When written batches are forced to the disk.
    pub fsync: FsyncPolicy,
    /// A segment that has this many bytes is complete.
    pub segment_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { partitions: 4, fsync: FsyncPolicy::default(), segment_bytes: 64 << 20 }
    }
}

/// The log in one folder. One process has it open at a time; within it, any number of threads.
pub struct EmbeddedLog {
    /// Declared, and so dropped, before the folder's lock.
    syncer: Syncer,
    writer: Mutex<Writer>,
    index: IndexSlot,
    view: RwLock<View>,
    grown: Growth,
    layout: Layout,
    options: LogOptions,
    storage: Arc<dyn Storage>,
    recovery: Recovery,
    /// The last batch could not be written.
    failing: AtomicBool,
    /// Whether the log had a mark of what is on the disk.
    had_mark: bool,
    folder: Folder,
}

/// The writing end.
struct Writer {
    segment: SegmentWriter,
    tail: Tail,
    frame: Vec<u8>,
    /// Bytes written since the index was last brought up to date.
    unindexed: u64,
}

impl std::fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLog")
            .field("path", &self.folder.path)
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

impl EmbeddedLog {
    /// Opens the log in a folder; makes one in a folder that is missing or empty.
    ///
    /// After a crash or a power cut the log is what it was after some batch: bytes of an unfinished batch at the end of the newest
    /// segment are cut off ([`Recovery`]). Anything else that is not as it was written is an error, and nothing is changed then:
    /// [`LogError::Damaged`] where bytes differ, [`LogError::Missing`] where the log ends before what it is known to have held.
    pub fn open(dir: &Path, options: LogOptions) -> Result<Self, LogError> {
        Self::open_on(dir, options, Arc::new(Disk))
    }

    /// As [`Self::open`], with segment files written to the caller's storage.
    pub fn open_on(dir: &Path, options: LogOptions, storage: Arc<dyn Storage>) -> Result<Self, LogError> {
        let folder = Folder::take(dir, options.partitions)?;
        let layout = Layout::new(folder.partitions());
        let mark = SyncedMark::read(dir);
        let inspected = inspect(&folder.segments(), layout)?;
        let held = inspected.tail.position.next_seq;
        check_mark(dir, mark, held)?;
        if let Some(mark) = mark
            && !Chain(Arc::new(inspected.segments.clone())).holds(mark)?
        {
            let problem = format!("the log holds other events than the {} that were in it before", mark.next_seq);
            return Err(corrupt(&folder.segments(), problem));
        }
        let lost = index_slot::covered(&folder.index()).map_or(0, |known| known.saturating_sub(held));
        if lost > 0 && mark.is_none() {
            return Err(missing(dir, held, held + lost, "its index"));
        }

        let recover::Opened { chain, tail, cursor, mut recovery } =
            recover::recover(&folder.segments(), layout, inspected, storage.as_ref())?;
        folder.upgrade()?;
        if lost > 0 {
            losses::note(dir, held, lost)?;
            tracing::warn!(
                events = lost,
                "acknowledged events that were not on the disk yet are lost: the machine went down"
            );
        }
        recovery.lost_unsynced = lost;
        let (index, rebuilt) = IndexSlot::open(folder.index(), &chain, &tail)?;
        recovery.index_rebuilt = rebuilt;
        let Some(newest) = chain.0.last() else { return Err(corrupt(dir, "no segments")) };
        let file = storage.open(&newest.path, cursor.offset).map_err(io_error("opening", &newest.path))?;
        let segment = SegmentWriter::new(newest.path.clone(), file, cursor.offset);
        let view = View::new(chain, &tail);
        Ok(Self {
            syncer: Syncer::start(options.fsync, SyncedMark::of(dir))
                .map_err(io_error("starting the sync thread of", dir))?,
            writer: Mutex::new(Writer { segment, tail, frame: Vec::new(), unindexed: 0 }),
            index,
            view: RwLock::new(view),
            grown: Growth::default(),
            layout,
            options,
            storage,
            recovery,
            failing: AtomicBool::new(false),
            had_mark: mark.is_some(),
            folder,
        })
    }

    /// Something else than the log knows that `known` events were acknowledged, more than the log holds. A power cut may have taken
    /// them if they were never on the disk: that is noted. Anything else is an error.
    pub fn account_for(&self, known: u64, witness: &'static str) -> Result<(), LogError> {
        let held = self.head().position.events();
        if !self.had_mark {
            return Err(missing(self.path(), held, known, witness));
        }
        let lost = known.saturating_sub(held);
        // The index may have said so of the same events.
        if lost > self.recovery.lost_unsynced {
            losses::note(self.path(), held, lost)?;
        }
        Ok(())
    }

    /// Holds what the log's events mean against a profile: notes it in a log that has no note yet, takes new actions at the end,
    /// and refuses everything that would give stored events another meaning, with what changed.
    pub fn pin(&self, meaning: &Meaning) -> Result<(), LogError> {
        self.folder.pin(meaning)
    }

    /// The result of opening the log.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder.path
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.chain().0.iter().map(|segment| segment.bytes()).sum()
    }

    /// Returns when everything appended so far is on the disk.
    pub fn sync(&self) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        self.heal_after_failed_sync(&mut writer)?;
        writer.segment.sync()?;
        self.syncer.clean(writer.tail.position);
        Ok(())
    }

    /// After a failed sync nobody knows which bytes of the newest segment are on the disk, and syncing the same file again would
    /// not tell. So it is written anew from what can be read, synced, and put in the place of the old one.
    fn heal_after_failed_sync(&self, writer: &mut Writer) -> Result<(), LogError> {
        let Some(failure) = self.syncer.failure() else { return Ok(()) };
        let path = writer.segment.path().to_owned();
        let Some(segment) = self.chain().0.last().cloned() else { return Ok(()) };
        let file = writer::write_anew(&segment, writer.segment.bytes(), writer.tail.position, self.storage.as_ref())
            .map_err(|error| {
                io_error("syncing", &path)(std::io::Error::new(failure.kind(), format!("{failure}; {error}")))
            })?;
        writer.segment = SegmentWriter::new(path, file, writer.segment.bytes());
        self.syncer.healed(writer.tail.position);
        tracing::warn!("the newest segment was rewritten after a failed sync");
        Ok(())
    }

    fn chain(&self) -> Chain {
        self.view.read().chain.clone()
    }

    /// Completes the newest segment and begins the next.
    fn rotate(&self, writer: &mut Writer, index: &Index) -> Result<(), LogError> {
        writer.segment.seal()?;
        self.syncer.clean(writer.tail.position);
        let bytes = writer.segment.bytes();
        let (segment, file) = writer::create(&self.folder.segments(), &writer.tail, bytes, self.storage.as_ref())?;
        writer.segment = SegmentWriter::new(segment.path.clone(), file, segment.bytes());
        let newest_at = std::mem::replace(&mut writer.tail.newest_at, vec![i64::MIN; self.layout.slots()]);

        if let Err(error) = index.note_segment(self.newest_base().next_seq, &newest_at) {
            tracing::warn!(%error, "the times in a segment were not recorded; the next open reads it once more");
        }

        let mut view = self.view.write();
        let mut segments = Vec::clone(&view.chain.0);
        if let Some(complete) = segments.last() {
            complete.seal(newest_at);
        }
        segments.push(Arc::new(segment));
        view.chain = Chain(Arc::new(segments));
        view.newest_at.clone_from(&writer.tail.newest_at);
        Ok(())
    }

    fn append_to(&self, writer: &mut Writer, events: Vec<Event>) -> Result<Appended, AppendError> {
        self.heal_after_failed_sync(writer)?;
        let index = self.index.healthy(&self.chain(), &writer.tail)?;
        let plan = plan(events, self.layout, &*index).inspect_err(|error| {
            if matches!(error, AppendError::Log(_)) {
                self.index.distrust();
            }
        })?;
        let (accepted, duplicates) = (plan.accepted.len(), plan.duplicates);
        if accepted == 0 {
            return Ok(Appended { accepted, duplicates, position: self.head().position });
        }

        let complete = writer.segment.bytes() >= self.options.segment_bytes;
        if complete && writer.tail.position != self.newest_base() {
            self.rotate(writer, &index)?;
        }
        let before = Cursor { offset: writer.segment.bytes(), position: writer.tail.position };
        let mut entries = Entries::default();
        for (seq, planned) in (before.position.next_seq..).zip(&plan.accepted) {
            entries.add(seq, &planned.event);
        }
        let mut tail = writer.tail.clone();
        let places: Vec<usize> = plan.accepted.iter().map(|planned| planned.place).collect();
        frame::build(plan.accepted, &mut tail, &mut writer.frame).map_err(|first| {
            let refuse = |&index: &usize| Refusal {
                index,
                reason: format!("the batch has more than {} bytes up to here", frame::MAX_PAYLOAD_BYTES),
            };
            AppendError::Refused(places.iter().skip(first).map(refuse).collect())
        })?;

        writer.segment.append(&writer.frame)?;
        if self.options.fsync == FsyncPolicy::Always
            && let Err(error) = writer.segment.sync()
        {
            writer.segment.roll_back();
            return Err(error.into());
        }
        writer.unindexed += writer.frame.len() as u64;
        if !entries.is_empty() || writer.unindexed >= INDEX_LAG_BYTES {
            if let Err(error) = index.commit(entries, tail.position) {
                drop(index);
                writer.segment.roll_back();
                self.index.fail();
                // Readers look names up in it, even on a full disk.
                if let Err(error) = self.index.healthy(&self.chain(), &writer.tail) {
                    tracing::warn!(%error, "the index cannot be opened again yet");
                }
                return Err(error.into());
            }
            writer.unindexed = 0;
        }
        drop(index);

        writer.segment.keep(writer.frame.len());
        writer.tail = tail;
        if writer.frame.capacity() > 16 << 20 {
            writer.frame = Vec::new();
        }
        match self.options.fsync {
            FsyncPolicy::Always => self.syncer.clean(writer.tail.position),
            FsyncPolicy::EveryMs(_) | FsyncPolicy::Never => {
                self.syncer.written(writer.segment.file(), writer.tail.position);
            }
        }
        Ok(Appended { accepted, duplicates, position: self.publish(writer, before) })
    }

    /// Publishes a batch to readers and waiters; returns the new end.
    fn publish(&self, writer: &Writer, before: Cursor) -> Position {
        let tail = &writer.tail;
        let head = tail.head();
        let end = head.position.clone();
        let mut view = self.view.write();
        if let Some(segment) = view.chain.0.last() {
            segment.mark(before, &view.ends);
            segment.publish(writer.segment.bytes());
        }
        view.head = head;
        view.ends.clone_from(&tail.ends);
        view.newest_at.clone_from(&tail.newest_at);
        drop(view);
        self.grown.announce();
        end
    }
}

impl EventSink for EmbeddedLog {
    fn append(&self, events: Vec<Event>) -> Result<Appended, AppendError> {
        let mut guard = self.writer.lock();
        let appended = self.append_to(&mut guard, events);
        match &appended {
            Ok(appended) if appended.accepted > 0 => self.failing.store(false, Ordering::Release),
            // Nothing was written.
            Ok(_) | Err(AppendError::Refused(_)) => {}
            Err(AppendError::Log(_)) => self.failing.store(true, Ordering::Release),
        }
        appended
    }

    fn failing(&self) -> bool {
        self.failing.load(Ordering::Acquire) || self.syncer.failure().is_some()
    }

    fn recover(&self) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        self.heal_after_failed_sync(&mut writer)?;
        if self.failing.load(Ordering::Acquire) {
            drop(self.index.healthy(&self.chain(), &writer.tail)?);
            try_writing(&self.folder.path, self.storage.as_ref()).map_err(io_error("writing to", &self.folder.path))?;
            self.failing.store(false, Ordering::Release);
        }
        Ok(())
    }

    fn has_id(&self, id: &str) -> Result<bool, LogError> {
        self.index.read(|index| crate::batch::Known::has_event(index, crate::batch::id_hash(id)))
    }
}

impl EventSource for EmbeddedLog {
    fn head(&self) -> LogHead {
        self.view.read().head.clone()
    }

    fn wait_past(&self, position: &Position, timeout: Duration) -> bool {
        self.grown.wait(timeout, || !position.covers(&self.head().position))
    }

    fn holds(&self, position: &Position) -> Result<bool, LogError> {
        self.view().holds(self.layout, position)
    }

    fn position_at(&self, events: u64) -> Result<Option<Position>, LogError> {
        self.view().position_at(self.layout, events)
    }

    fn read_from(
        &self,
        from: &Position,
        apply: &mut dyn FnMut(Vec<Record>, &Position) -> bool,
    ) -> Result<(), LogError> {
        self.view().read_from(self.layout, from, apply)
    }

    fn read_partition(
        &self,
        topic: Topic,
        partition: u16,
        offset: u64,
        apply: &mut dyn FnMut(Record) -> bool,
    ) -> Result<(), LogError> {
        if offset >= self.end_offset(topic, partition) {
            return Ok(());
        }
        self.view().read_partition(self.layout, (topic, partition), offset, apply)
    }

    fn partitions(&self, topic: Topic) -> u16 {
        self.layout.partitions(topic)
    }

    fn end_offset(&self, topic: Topic, partition: u16) -> u64 {
        self.layout.slot(topic, partition).map_or(0, |slot| self.view.read().ends[slot])
    }

    fn offset_for_time(&self, topic: Topic, partition: u16, at: TimeMs) -> Result<u64, LogError> {
        self.layout.slot(topic, partition).map_or(Ok(0), |slot| self.view().offset_for_time(slot, at))
    }
}

impl ImportLedger for EmbeddedLog {
    fn import_progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, LogError> {
        self.index.read(|index| index.progress(kind, role))
    }
}

impl EmbeddedLog {
    fn view(&self) -> View {
        self.view.read().clone()
    }

    fn newest_base(&self) -> BatchEnd {
        self.view.read().chain.0.last().map_or_else(BatchEnd::default, |segment| segment.header.base)
    }
}

impl Dictionary for EmbeddedLog {
    fn id_of(&self, namespace: Namespace, name: &str) -> Option<u64> {
        self.index.lookup("an id", |index| crate::batch::Known::known_id(index, namespace, name))
    }

    fn name_of(&self, namespace: Namespace, id: u64) -> Option<String> {
        self.index.lookup("a name", |index| crate::batch::Known::known_name(index, namespace, id))
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        let writer = self.writer.get_mut();
        // Not after a failed sync: what the mark says must be on the disk.
        match writer.segment.seal() {
            Ok(()) if self.syncer.failure().is_none() => self.syncer.clean(writer.tail.position),
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "the log could not be synced when it was closed"),
        }
        if writer.unindexed > 0
            && let Err(error) = self.index.read(|index| index.commit(Entries::default(), writer.tail.position))
        {
            tracing::warn!(%error, "the index is behind; it catches up at the next open");
        }
    }
}

/// The log must hold at least what is known to have been on the disk.
fn check_mark(dir: &Path, mark: Option<BatchEnd>, held: u64) -> Result<(), LogError> {
    match mark {
        Some(mark) if mark.next_seq > held => {
            Err(missing(dir, held, mark.next_seq, "the mark of what was on the disk"))
        }
        _ => Ok(()),
    }
}

fn missing(dir: &Path, held: u64, known: u64, witness: &'static str) -> LogError {
    LogError::Missing { path: dir.display().to_string(), held, known, witness }
}

#[cfg(test)]
mod tests {
    use foryou_types::Namespace;

    use super::*;
    use crate::event::{EventBody, Origin};

    #[test]
    fn an_index_that_failed_is_opened_again_by_the_next_append() {
        let dir = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(dir.path(), LogOptions::default()).unwrap();
        let name = |id: u64| Event {
            at: TimeMs(1),
            id: Some(format!("event {id}")),
            origin: Origin::Live,
            body: EventBody::Name { namespace: Namespace::Users, id, name: format!("user {id}") },
        };
        log.append(vec![name(1)]).unwrap();
        log.index.fail();
        assert_eq!(log.id_of(Namespace::Users, "user 1"), None);
        assert!(log.import_progress("kind", "role").is_err());

        let appended = log.append(vec![name(1), name(2)]).unwrap();
        assert_eq!((appended.accepted, appended.duplicates), (1, vec![0]));
        assert_eq!(log.id_of(Namespace::Users, "user 1"), Some(1));
        assert_eq!(log.name_of(Namespace::Users, 2).as_deref(), Some("user 2"));

        log.index.distrust();
        assert_eq!(log.append(vec![name(2), name(3)]).unwrap().duplicates, [0]);
        assert_eq!(log.name_of(Namespace::Users, 1).as_deref(), Some("user 1"), "built anew");
    }

    #[test]
    fn an_index_without_its_journals_is_built_anew() {
        let dir = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(dir.path(), LogOptions::default()).unwrap();
        let body = EventBody::Name { namespace: Namespace::Users, id: 1, name: "one".to_owned() };
        log.append(vec![Event { at: TimeMs(1), id: None, origin: Origin::Live, body }]).unwrap();
        drop(log);
        for entry in std::fs::read_dir(dir.path().join("index")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ext| ext == "jnl") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let log = EmbeddedLog::open(dir.path(), LogOptions::default()).unwrap();
        let rebuilt = log.recovery().index_rebuilt.clone().unwrap();
        assert!(rebuilt.contains("journals of the storage engine are missing"), "{rebuilt}");
        assert_eq!(log.id_of(Namespace::Users, "one"), Some(1));
    }
}
