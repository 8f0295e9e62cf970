//! Reads the segments of a folder: all headers, and every batch of the newest segment. Changes nothing.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::{Segment, damaged, observe};
use super::frame::{FrameFault, HEADER_BYTES, MAGIC};
use super::header::{HeaderFault, SegmentHeader};
use super::reader::{Cursor, FrameReader, ReadFault};
use super::tail::Tail;
use super::{corrupt, io_error, list, salvage};
use crate::batch::Layout;
use crate::error::{Damage, LogError};
use crate::segment::BatchEnd;

/// The segments of a folder up to the last whole batch.
pub(crate) struct Inspected {
    /// Oldest first; none in a folder that was just made.
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) tail: Tail,
    /// The end of the last whole batch in the newest segment.
    pub(crate) cursor: Cursor,
    /// What is behind it.
    pub(crate) torn: Option<Torn>,
    /// Segments that were being begun when a process ended.
    pub(crate) unfinished: Vec<PathBuf>,
}

/// What a crash leaves at the end of the log: bytes of one unfinished batch, and nothing whole behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    /// The newest segment, or a file that was to become the newest and holds nothing.
    pub(crate) path: PathBuf,
    /// Where the bytes begin; `None`: the whole file.
    pub(crate) offset: Option<u64>,
    pub(crate) bytes: u64,
    /// Whether the bytes were cut short or never written. Otherwise a disk may have overwritten something, and the bytes are kept.
    pub(crate) plain: bool,
    /// What is wrong with the first of them.
    pub(crate) problem: String,
}

/// Reads the segments in `folder`. Damage that a crash cannot explain is an error.
pub(crate) fn inspect(folder: &Path, layout: Layout) -> Result<Inspected, LogError> {
    let listing = list(folder)?;
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    let mut torn = None;
    for (i, (base, path)) in listing.segments.iter().enumerate() {
        let newest = i + 1 == listing.segments.len();
        match read_header(path, layout)? {
            Ok(header) if header.base.next_seq == *base => {
                check_predecessor(path, &header, segments.last().map(Arc::as_ref))?;
                let bytes = fs::metadata(path).map_err(io_error("reading", path))?.len();
                segments.push(Arc::new(Segment::new(path.clone(), header, bytes)));
            }
            Err(HeaderFault::Format(format)) => {
                return Err(corrupt(
                    path,
                    format!("it has segment format {format}, which this program does not know; use a newer one"),
                ));
            }
            // The file was renamed, but the disk lost its contents.
            Err(HeaderFault::Damaged) if newest && i > 0 && is_blank(path).map_err(io_error("reading", path))? => {
                let bytes = fs::metadata(path).map_err(io_error("reading", path))?.len();
                let problem = "the file is empty".to_owned();
                torn = Some(Torn { path: path.clone(), offset: None, bytes, plain: true, problem });
            }
            Ok(_) => return Err(bad_header(path, *base, "the header belongs to another segment")),
            Err(HeaderFault::Damaged) => return Err(bad_header(path, *base, "the header is damaged")),
        }
    }
    let unfinished = listing.unfinished;
    let Some(newest) = segments.last().cloned() else {
        let cursor = Cursor { offset: 0, position: BatchEnd::default() };
        return Ok(Inspected { segments, tail: Tail::empty(layout), cursor, torn, unfinished });
    };
    let (tail, cursor, torn) = if torn.is_some() {
        // The segment before is complete: an error in it is damage, not an unfinished write.
        let tail = newest.scan()?;
        let cursor = Cursor { offset: newest.bytes(), position: tail.position };
        (tail, cursor, torn)
    } else {
        scan_newest(&newest)?
    };
    newest.publish(cursor.offset);
    Ok(Inspected { segments, tail, cursor, torn, unfinished })
}

fn bad_header(path: &Path, base: u64, problem: &str) -> LogError {
    LogError::Damaged(Box::new(Damage {
        path: path.to_owned(),
        offset: 0,
        bytes: 0,
        problem: problem.to_owned(),
        first_seq: base,
        next_seq: Some(base),
    }))
}

fn read_header(path: &Path, layout: Layout) -> Result<Result<SegmentHeader, HeaderFault>, LogError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SegmentHeader::bytes(layout) as u64).read_to_end(&mut bytes))
        .map_err(io_error("reading", path))?;
    Ok(SegmentHeader::parse(&bytes, layout))
}

/// Whether a file is empty or holds only zeros.
fn is_blank(path: &Path) -> io::Result<bool> {
    Ok(fs::read(path)?.iter().all(|&byte| byte == 0))
}

/// A segment must begin where the one before it ends.
fn check_predecessor(path: &Path, header: &SegmentHeader, previous: Option<&Segment>) -> Result<(), LogError> {
    let (bytes, base) = previous.map_or((0, 0), |p| (p.bytes(), p.header.base.next_seq));
    let wanted = header.previous_bytes;
    let next = header.base.next_seq;
    let damage = |path: &Path, offset: u64, problem: String, first_seq: u64| {
        let path = path.to_owned();
        Err(LogError::Damaged(Box::new(Damage { path, offset, bytes: 0, problem, first_seq, next_seq: Some(next) })))
    };
    match previous {
        None if next != 0 => {
            damage(&path.with_file_name(format!("{:020}.log", 0)), 0, "the segment is missing".to_owned(), 0)
        }
        Some(previous) if next <= base || bytes != wanted => {
            let problem = format!("the file has {bytes} bytes; it had {wanted} when the next segment began");
            let first_seq = whole_until(previous).map_err(io_error("reading", &previous.path))?;
            damage(&previous.path, bytes.min(wanted), problem, first_seq.min(next))
        }
        _ => Ok(()),
    }
}

/// The first event of a segment that is not in a whole batch.
fn whole_until(segment: &Segment) -> io::Result<u64> {
    let mut reader = FrameReader::open(&segment.path, segment.start(), segment.bytes())?;
    loop {
        match reader.next_after(0) {
            Ok(Some(_)) => {}
            Ok(None) | Err(ReadFault::Frame(_)) => return Ok(reader.cursor().position.next_seq),
            Err(ReadFault::Io(error)) => return Err(error),
        }
    }
}

/// Reads the newest segment up to the first damaged byte.
fn scan_newest(segment: &Segment) -> Result<(Tail, Cursor, Option<Torn>), LogError> {
    let path = &segment.path;
    let mut tail = segment.header.tail();
    let bytes = segment.bytes();
    let mut reader = segment.reader(segment.start())?;
    let fault = loop {
        let cursor = reader.cursor();
        match reader.next_after(0) {
            Ok(Some(frame)) => {
                // Its checksum is right, so its records were written like this.
                observe(&mut tail, &frame).map_err(|problem| damaged(path, cursor.offset, &problem))?;
            }
            Ok(None) => return Ok((tail, cursor, None)),
            Err(ReadFault::Io(source)) => return Err(io_error("reading", path)(source)),
            Err(ReadFault::Frame(fault)) => break fault,
        }
        segment.mark(reader.cursor(), &tail.ends);
    };
    let cursor = reader.cursor();
    drop(reader);
    let offset = cursor.offset;
    if let Some(next) = salvage::next_readable(path, offset, cursor.position.next_seq)? {
        return Err(LogError::Damaged(Box::new(Damage {
            path: path.clone(),
            offset,
            bytes: 0,
            problem: fault.to_string(),
            first_seq: cursor.position.next_seq,
            next_seq: Some(next),
        })));
    }
    let plain = is_unfinished(path, offset, &fault).map_err(io_error("reading", path))?;
    let torn =
        Torn { path: path.clone(), offset: Some(offset), bytes: bytes - offset, plain, problem: fault.to_string() };
    Ok((tail, cursor, Some(torn)))
}

/// Whether the bytes from `end` on are what a crash leaves of one batch: cut short, or never written (zeros). Anything that
/// holds the mark of a later batch is not.
fn is_unfinished(path: &Path, end: u64, fault: &FrameFault) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(end))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    let marks = rest.windows(MAGIC.len()).filter(|window| *window == MAGIC).count();
    Ok(match fault {
        _ if rest.iter().all(|&b| b == 0) => true,
        // Its own mark is one.
        FrameFault::Cut { .. } => marks == 1 || (marks == 0 && rest.len() < HEADER_BYTES),
        _ => false,
    })
}
