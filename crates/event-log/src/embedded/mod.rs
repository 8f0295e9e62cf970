//! The log in one folder: segments, an index beside them, and one writer.
//!
//! An append goes through these steps, and an error at any of them leaves the log as it was:
//! duplicates are taken out (index) · the frame is built (memory) · a full segment is completed and the next begun · the frame is
//! written, and synced if so configured · the index takes the batch · the new end is published to readers and waiters.

mod folder;
mod index_slot;
mod sync;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foryou_types::{Names, Namespace, TimeMs};
use parking_lot::{Condvar, Mutex, RwLock};

pub use folder::LockHolder;
pub use sync::FsyncPolicy;

use crate::batch::{Layout, plan};
use crate::event::{Event, Topic};
use crate::index::{Entries, Index};
use crate::log::{AppendError, Appended, EventLog, LogError, LogHead, Position, Record};
use crate::segment::chain::{Chain, Visit};
use crate::segment::reader::Cursor;
use crate::segment::record::RecordHeader;
pub use crate::segment::recover::Recovery;
use crate::segment::storage::{Disk, Storage};
use crate::segment::tail::Tail;
use crate::segment::writer::{self, SegmentWriter};
use crate::segment::{corrupt, frame, io_error, recover};
use folder::Folder;
use index_slot::IndexSlot;
use sync::Syncer;

/// A batch without ids, names and progress does not touch the index until this many bytes were written since it last did: the
/// index then covers less than it could, which costs a scan of so many bytes at the next open.
const INDEX_LAG_BYTES: u64 = 8 << 20;

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Partitions of each topic but [`Topic::Meta`], 1 to 1,024. For a new folder; an existing one keeps what it has.
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
    grown: (Mutex<()>, Condvar),
    layout: Layout,
    options: LogOptions,
    storage: Arc<dyn Storage>,
    recovery: Recovery,
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

/// What readers see.
struct View {
    chain: Chain,
    head: LogHead,
    ends: Vec<u64>,
    newest_at: Vec<i64>,
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
    /// After a crash or a power cut the log is what it was after some batch: whatever follows the last whole batch of the newest
    /// segment is cut off (and kept beside it, see [`Recovery`]). Damage anywhere else is [`LogError::Corrupt`].
    pub fn open(dir: &Path, options: LogOptions) -> Result<Self, LogError> {
        Self::open_on(dir, options, Arc::new(Disk))
    }

    /// As [`Self::open`], with segment files written to a storage of the caller's.
    pub fn open_on(dir: &Path, options: LogOptions, storage: Arc<dyn Storage>) -> Result<Self, LogError> {
        let folder = Folder::take(dir, options.partitions)?;
        let layout = Layout::new(folder.partitions);
        let recover::Opened { chain, tail, cursor, mut recovery } =
            recover::open(&folder.segments(), layout, storage.as_ref())?;
        let (index, rebuilt) = IndexSlot::open(folder.index(), &chain, &tail)?;
        recovery.index_rebuilt = rebuilt;
        let Some(newest) = chain.0.last() else { return Err(corrupt(dir, "no segments")) };
        let file = storage.open(&newest.path, cursor.offset).map_err(io_error("opening", &newest.path))?;
        let segment = SegmentWriter::new(newest.path.clone(), file, cursor.offset);
        let view = View { chain, head: tail.head(), ends: tail.ends.clone(), newest_at: tail.newest_at.clone() };
        Ok(Self {
            syncer: Syncer::start(options.fsync).map_err(io_error("starting the sync thread of", dir))?,
            writer: Mutex::new(Writer { segment, tail, frame: Vec::new(), unindexed: 0 }),
            index,
            view: RwLock::new(view),
            grown: (Mutex::new(()), Condvar::new()),
            layout,
            options,
            storage,
            recovery,
            folder,
        })
    }

    /// What opening the log found and did.
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

    /// Tells those who find the log locked where this process serves ([`LockHolder`]).
    pub fn set_address(&self, address: &str) -> Result<(), LogError> {
        self.folder.set_address(address)
    }

    /// Returns when everything appended so far is on the disk.
    pub fn sync(&self) -> Result<(), LogError> {
        let writer = self.writer.lock();
        self.refuse_after_failed_sync(&writer)?;
        writer.segment.sync()?;
        self.syncer.clean();
        Ok(())
    }

    fn refuse_after_failed_sync(&self, writer: &Writer) -> Result<(), LogError> {
        self.syncer.failure().map_or(Ok(()), |failure| Err(io_error("syncing", writer.segment.path())(failure)))
    }

    fn chain(&self) -> Chain {
        self.view.read().chain.clone()
    }

    /// Completes the newest segment and begins the next.
    fn rotate(&self, writer: &mut Writer, index: &Index) -> Result<(), LogError> {
        writer.segment.seal()?;
        self.syncer.clean();
        let bytes = writer.segment.bytes();
        let (segment, file) = writer::create(&self.folder.segments(), &writer.tail, bytes, self.storage.as_ref())?;
        writer.segment = SegmentWriter::new(segment.path.clone(), file, segment.bytes());
        let newest_at = std::mem::replace(&mut writer.tail.newest_at, vec![i64::MIN; self.layout.slots()]);

        if let Err(error) = index.note_segment(self.newest_base().next_seq, &newest_at) {
            tracing::warn!(%error, "the times in a segment were not noted; the next open reads it once more");
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

    /// Shows readers and waiters a batch.
    fn publish(&self, writer: &Writer, before: Cursor) {
        let tail = &writer.tail;
        let mut view = self.view.write();
        if let Some(segment) = view.chain.0.last() {
            segment.mark(before, &view.ends);
            segment.publish(writer.segment.bytes());
        }
        view.head = tail.head();
        view.ends.clone_from(&tail.ends);
        view.newest_at.clone_from(&tail.newest_at);
        drop(view);
        let _waiters = self.grown.0.lock();
        self.grown.1.notify_all();
    }

    fn record(visit: &Visit<'_>, seq: u64, record: &RecordHeader<'_>) -> Result<Record, LogError> {
        let event = record.decode().map_err(|problem| visit.error(&format!("event {seq}: {problem}")))?;
        Ok(Record { seq, topic: record.topic, partition: record.partition, offset: record.offset, event })
    }
}

impl EventLog for EmbeddedLog {
    fn append(&self, events: Vec<Event>) -> Result<Appended, AppendError> {
        let mut guard = self.writer.lock();
        let writer = &mut *guard;
        self.refuse_after_failed_sync(writer)?;
        let index = self.index.healthy(&self.chain(), &writer.tail)?;
        let plan = plan(events, self.layout, &*index).inspect_err(|error| {
            if matches!(error, AppendError::Log(_)) {
                self.index.distrust();
            }
        })?;
        let (accepted, duplicates) = (plan.accepted.len(), plan.duplicates);
        if accepted == 0 {
            return Ok(Appended { accepted, duplicates, position: writer.tail.position });
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
        frame::build(plan.accepted, &mut tail, &mut writer.frame).map_err(|place| {
            let reason = format!("the batch has more than {} bytes up to here", frame::MAX_PAYLOAD_BYTES);
            AppendError::Event { index: place, reason }
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
        self.syncer.written(writer.segment.file());
        self.publish(writer, before);
        Ok(Appended { accepted, duplicates, position: writer.tail.position })
    }

    fn head(&self) -> LogHead {
        self.view.read().head
    }

    fn wait_past(&self, next_seq: u64, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut waiting = self.grown.0.lock();
        while self.head().position.next_seq <= next_seq {
            if self.grown.1.wait_until(&mut waiting, deadline).timed_out() {
                return self.head().position.next_seq > next_seq;
            }
        }
        true
    }

    fn holds(&self, position: Position) -> Result<bool, LogError> {
        let view = self.view.read();
        if position.next_seq >= view.head.position.next_seq {
            return Ok(position == view.head.position);
        }
        let chain = view.chain.clone();
        drop(view);
        chain.holds(position)
    }

    fn read_from(&self, from: u64, apply: &mut dyn FnMut(Vec<Record>, Position) -> bool) -> Result<(), LogError> {
        if from >= self.head().position.next_seq {
            return Ok(());
        }
        self.chain().visit_from(from, &mut |visit| {
            let mut records = Vec::with_capacity(visit.frame.header.count as usize);
            for record in visit.records() {
                let (seq, record) = record?;
                if seq >= from {
                    records.push(Self::record(&visit, seq, &record)?);
                }
            }
            let more = apply(records, visit.frame.header.end());
            Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
    }

    fn read_partition(
        &self,
        topic: Topic,
        partition: u16,
        offset: u64,
        apply: &mut dyn FnMut(Record) -> bool,
    ) -> Result<(), LogError> {
        let Some(slot) = self.layout.slot(topic, partition) else { return Ok(()) };
        if offset >= self.end_offset(topic, partition) {
            return Ok(());
        }
        self.chain().visit_slot(slot, offset, &mut |visit| {
            for record in visit.records() {
                let (seq, record) = record?;
                if (record.topic, record.partition) == (topic, partition)
                    && record.offset >= offset
                    && !apply(Self::record(&visit, seq, &record)?)
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    fn partitions(&self, topic: Topic) -> u16 {
        self.layout.partitions(topic)
    }

    fn end_offset(&self, topic: Topic, partition: u16) -> u64 {
        self.layout.slot(topic, partition).map_or(0, |slot| self.view.read().ends[slot])
    }

    fn offset_for_time(&self, topic: Topic, partition: u16, at: TimeMs) -> Result<u64, LogError> {
        let Some(slot) = self.layout.slot(topic, partition) else { return Ok(0) };
        let view = self.view.read();
        let (chain, newest_at, end) = (view.chain.clone(), view.newest_at.clone(), view.ends[slot]);
        drop(view);
        chain.offset_for_time(slot, at, &newest_at, end)
    }

    fn import_progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, LogError> {
        self.index.read(|index| index.progress(kind, role))
    }
}

impl EmbeddedLog {
    fn newest_base(&self) -> Position {
        self.view.read().chain.0.last().map_or_else(Position::default, |segment| segment.header.base)
    }
}

impl Names for EmbeddedLog {
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
        if let Err(error) = writer.segment.seal() {
            tracing::error!(%error, "the log could not be synced when it was closed");
        }
        if writer.unindexed > 0
            && let Err(error) = self.index.read(|index| index.commit(Entries::default(), writer.tail.position))
        {
            tracing::warn!(%error, "the index was left behind; it catches up at the next open");
        }
    }
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
}
