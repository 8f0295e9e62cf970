//! The segments of a log in order, and the scans over them.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use foryou_types::TimeMs;
use parking_lot::RwLock;

use super::frame::Frame;
use super::header::SegmentHeader;
use super::reader::{Cursor, FrameReader, ReadFault};
use super::record::RecordHeader;
use super::tail::Tail;
use super::{corrupt, io_error, salvage};
use crate::batch::Layout;
use crate::error::{Damage, LogError};
use crate::position::Position;
use crate::segment::BatchEnd;

/// Distance of the marks in the newest segment, in bytes: a reader that follows the end scans no more than this.
const MARK_BYTES: u64 = 256 * 1024;

/// A place between two frames, with what a reader of one partition needs there.
#[derive(Clone, Debug)]
struct Mark {
    cursor: Cursor,
    ends: Box<[u64]>,
}

/// One segment file that can be read.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    /// Readable bytes: whole frames that cannot be rolled back any more.
    bytes: AtomicU64,
    marks: RwLock<Vec<Mark>>,
    /// Per slot, the newest time; known once the segment is complete.
    pub(crate) newest_at: OnceLock<Vec<i64>>,
}

impl Segment {
    pub(crate) fn new(path: PathBuf, header: SegmentHeader, bytes: u64) -> Self {
        Self { path, header, bytes: AtomicU64::new(bytes), marks: RwLock::default(), newest_at: OnceLock::new() }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    pub(crate) fn publish(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Release);
    }

    /// The cursor before the first frame.
    pub(crate) fn start(&self) -> Cursor {
        Cursor { offset: SegmentHeader::bytes(self.header.layout) as u64, position: self.header.base }
    }

    /// Records a mark between two frames, if the last mark is far enough away.
    pub(crate) fn mark(&self, cursor: Cursor, ends: &[u64]) {
        let mut marks = self.marks.write();
        let last = marks.last().map_or(0, |mark| mark.cursor.offset);
        if cursor.offset >= last + MARK_BYTES {
            marks.push(Mark { cursor, ends: ends.into() });
        }
    }

    /// The segment is complete: marks are for readers that follow the end.
    pub(crate) fn seal(&self, newest_at: Vec<i64>) {
        *self.marks.write() = Vec::new();
        // Set once: a segment is sealed by the one writer, and at open before there is one.
        let _ = self.newest_at.set(newest_at);
    }

    fn cursor_by(&self, before: impl Fn(&Mark) -> bool) -> Cursor {
        let marks = self.marks.read();
        marks[..marks.partition_point(before)].last().map_or_else(|| self.start(), |mark| mark.cursor)
    }

    pub(crate) fn reader(&self, cursor: Cursor) -> Result<FrameReader, LogError> {
        FrameReader::open(&self.path, cursor, self.bytes()).map_err(io_error("reading", &self.path))
    }

    /// The error of a frame that cannot be read at a cursor. `next_base` is where the next segment begins, if there is one.
    pub(crate) fn fault(&self, at: Cursor, fault: ReadFault, next_base: Option<u64>) -> LogError {
        let problem = match fault {
            ReadFault::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                "the file was cut short".to_owned()
            }
            ReadFault::Io(source) => return io_error("reading", &self.path)(source),
            ReadFault::Frame(fault) => fault.to_string(),
        };
        match salvage::next_readable(&self.path, at.offset, at.position.next_seq) {
            Ok(next) => LogError::Damaged(Box::new(Damage {
                path: self.path.clone(),
                offset: at.offset,
                bytes: 0,
                problem,
                first_seq: at.position.next_seq,
                next_seq: next.or(next_base),
            })),
            Err(error) => error,
        }
    }

    /// Reads the whole segment and returns the state at its end.
    pub(crate) fn scan(&self) -> Result<Tail, LogError> {
        let mut tail = self.header.tail();
        let mut reader = self.reader(self.start())?;
        loop {
            let at = reader.cursor();
            let frame = reader.next_after(0).map_err(|fault| self.fault(at, fault, None))?;
            let Some(frame) = frame else { return Ok(tail) };
            observe(&mut tail, &frame).map_err(|problem| damaged(&self.path, at.offset, &problem))?;
        }
    }
}

/// Takes a frame into a tail.
pub(crate) fn observe(tail: &mut Tail, frame: &Frame<'_>) -> Result<(), String> {
    for record in frame.records() {
        tail.observe(&record?)?;
    }
    tail.position = frame.header.end();
    Ok(())
}

/// The error for something wrong at a byte of a segment.
pub(crate) fn damaged(path: &Path, offset: u64, problem: &str) -> LogError {
    corrupt(path, format!("damaged at byte {offset}: {problem}"))
}

/// What a scan visits: a frame and where it stands.
pub(crate) struct Visit<'a> {
    pub(crate) segment: &'a Segment,
    /// Byte at which the frame begins.
    pub(crate) offset: u64,
    pub(crate) frame: Frame<'a>,
}

impl Visit<'_> {
    /// An error about a record of this frame.
    pub(crate) fn error(&self, problem: &str) -> LogError {
        damaged(&self.segment.path, self.offset, problem)
    }

    /// The records with their seqs.
    pub(crate) fn records(&self) -> impl Iterator<Item = Result<(u64, RecordHeader<'_>), LogError>> {
        let seqs = self.frame.header.first_seq..;
        seqs.zip(self.frame.records()).map(|(seq, record)| match record {
            Ok(record) => Ok((seq, record)),
            Err(problem) => Err(self.error(&problem)),
        })
    }
}

/// The segments of a log, oldest first, never empty.
#[derive(Clone, Debug)]
pub(crate) struct Chain(pub(crate) Arc<Vec<Arc<Segment>>>);

impl Chain {
    /// Visits the frames that end after `from`, in order.
    pub(crate) fn visit_from(
        &self,
        from: u64,
        visit: &mut dyn FnMut(Visit<'_>) -> Result<ControlFlow<()>, LogError>,
    ) -> Result<(), LogError> {
        let first = self.0.partition_point(|s| s.header.base.next_seq <= from).saturating_sub(1);
        let Some(segment) = self.0.get(first) else { return Ok(()) };
        let start = segment.cursor_by(|mark| mark.cursor.position.next_seq <= from);
        self.visit(first, start, from, visit)
    }

    /// Visits the frames from one at or before an offset of a slot on, in order.
    pub(crate) fn visit_slot(
        &self,
        slot: usize,
        offset: u64,
        visit: &mut dyn FnMut(Visit<'_>) -> Result<ControlFlow<()>, LogError>,
    ) -> Result<(), LogError> {
        let first = self.0.partition_point(|s| s.header.ends[slot] <= offset).saturating_sub(1);
        let Some(segment) = self.0.get(first) else { return Ok(()) };
        let start = segment.cursor_by(|mark| mark.ends[slot] <= offset);
        self.visit(first, start, 0, visit)
    }

    fn visit(
        &self,
        first: usize,
        start: Cursor,
        from: u64,
        visit: &mut dyn FnMut(Visit<'_>) -> Result<ControlFlow<()>, LogError>,
    ) -> Result<(), LogError> {
        let mut expected = start.position;
        for (i, segment) in self.0[first..].iter().enumerate() {
            let start = if i == 0 { start } else { segment.start() };
            if start.position != expected {
                let problem = format!("begins at event {}, not {}", start.position.next_seq, expected.next_seq);
                return Err(corrupt(&segment.path, problem));
            }
            let mut reader = segment.reader(start)?;
            loop {
                let before = reader.cursor();
                let frame = match reader.next_after(from) {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(fault) => {
                        let next = self.0.get(first + i + 1).map(|next| next.header.base.next_seq);
                        return Err(segment.fault(reader.cursor(), fault, next));
                    }
                };
                if visit(Visit { segment, offset: before.offset, frame })?.is_break() {
                    return Ok(());
                }
            }
            expected = reader.cursor().position;
        }
        Ok(())
    }

    /// The position at which `events` events are covered; there must be more.
    pub(crate) fn position_at(&self, layout: Layout, events: u64) -> Result<Position, LogError> {
        let first = self.0.partition_point(|s| s.header.base.next_seq <= events).saturating_sub(1);
        let Some(segment) = self.0.get(first) else { return Ok(Position::default()) };
        let mut ends = segment.header.ends.clone();
        let mut end = segment.header.base;
        self.visit(first, segment.start(), 0, &mut |visit| {
            for found in visit.records() {
                let (seq, found) = found?;
                if seq >= events {
                    return Ok(ControlFlow::Break(()));
                }
                if let Some(slot) = layout.slot(found.topic, found.partition) {
                    ends[slot] = found.offset + 1;
                }
            }
            end = visit.frame.header.end();
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(layout.position(&ends, (end.next_seq == events).then_some(end)))
    }

    /// Whether a batch ends exactly at `position`, with its checksum.
    pub(crate) fn holds(&self, position: BatchEnd) -> Result<bool, LogError> {
        if position.next_seq == 0 {
            return Ok(position.check == 0);
        }
        let first = self.0.partition_point(|s| s.header.base.next_seq <= position.next_seq).saturating_sub(1);
        let Some(segment) = self.0.get(first) else { return Ok(false) };
        let start = segment.cursor_by(|mark| mark.cursor.position.next_seq <= position.next_seq);
        let mut reader = segment.reader(start)?;
        let found = reader.pass_to(position.next_seq);
        let at = reader.cursor();
        let next = self.0.get(first + 1).map(|next| next.header.base.next_seq);
        Ok(found.map_err(|fault| segment.fault(at, fault, next))? == Some(position))
    }

    /// The offset of the first event of a slot at or after `at`; `newest_at` is that of the newest segment, `end` the slot's end.
    pub(crate) fn offset_for_time(
        &self,
        slot: usize,
        at: TimeMs,
        newest_at: &[i64],
        end: u64,
    ) -> Result<u64, LogError> {
        let reaches = |(i, segment): (usize, &Arc<Segment>)| {
            let newest =
                if i + 1 == self.0.len() { Some(newest_at) } else { segment.newest_at.get().map(Vec::as_slice) };
            // A summary that is missing rules nothing out.
            newest.is_none_or(|newest| newest[slot] >= at.0)
        };
        let Some(first) = self.0.iter().enumerate().position(reaches) else { return Ok(end) };
        let mut found = end;
        let segment = &self.0[first];
        self.visit(first, segment.start(), 0, &mut |visit| {
            for record in visit.records() {
                let (_, record) = record?;
                if record.at >= at && segment.header.layout.slot(record.topic, record.partition) == Some(slot) {
                    found = record.offset;
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }
}
