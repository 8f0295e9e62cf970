//! Opens the segments of a folder: checks the old ones' headers, scans the newest and cuts it after its last whole batch.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::{Chain, Segment, damaged, observe};
use super::frame::{FrameFault, HEADER_BYTES, MAGIC};
use super::header::{HeaderFault, SegmentHeader};
use super::reader::{Cursor, ReadFault};
use super::storage::{Storage, sync_folder};
use super::tail::Tail;
use super::{corrupt, io_error, writer};
use crate::batch::Layout;
use crate::log::LogError;

/// What opening a log found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes cut off the newest segment: an unfinished batch, or damage and what followed it.
    pub cut_bytes: u64,
    /// Where the cut bytes are kept, if they were more than one unfinished batch.
    pub kept_as: Option<PathBuf>,
    /// Why the index was built anew from the segments, if it was.
    pub index_rebuilt: Option<String>,
}

/// The segments of a folder, ready to be read and written on.
pub(crate) struct Opened {
    pub(crate) chain: Chain,
    pub(crate) tail: Tail,
    pub(crate) cursor: Cursor,
    pub(crate) recovery: Recovery,
}

/// Opens (or begins) the segments in `folder`.
pub(crate) fn open(folder: &Path, layout: Layout, storage: &dyn Storage) -> Result<Opened, LogError> {
    let paths = list(folder)?;
    let mut recovery = Recovery::default();
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for (i, (base, path)) in paths.iter().enumerate() {
        let newest = i + 1 == paths.len();
        match read_header(path, layout)? {
            Ok(header) if header.base.next_seq == *base => {
                check_predecessor(path, &header, segments.last().map(Arc::as_ref))?;
                let bytes = fs::metadata(path).map_err(io_error("reading", path))?.len();
                segments.push(Arc::new(Segment::new(path.clone(), header, bytes)));
            }
            Err(HeaderFault::Format(format)) => {
                return Err(corrupt(path, format!("segment format {format}, which this version does not know")));
            }
            Ok(_) | Err(HeaderFault::Damaged) if newest => {
                let bytes = fs::metadata(path).map_err(io_error("reading", path))?.len();
                let kept = free_name(path);
                fs::rename(path, &kept).map_err(io_error("renaming", path))?;
                tracing::warn!(path = %path.display(), kept_as = %kept.display(), bytes, "the newest segment has no readable header: set aside");
                recovery = Recovery { cut_bytes: bytes, kept_as: Some(kept), index_rebuilt: None };
            }
            Ok(_) => return Err(damaged(path, 0, "the header is of another segment")),
            Err(HeaderFault::Damaged) => return Err(damaged(path, 0, "the header is not whole")),
        }
    }
    if segments.is_empty() {
        segments.push(Arc::new(writer::create(folder, &Tail::empty(layout), 0, storage)?.0));
    }
    let Some(newest) = segments.last().cloned() else { return Err(corrupt(folder, "no segments")) };
    let (tail, cursor) = if recovery.kept_as.is_some() {
        // The one before the segment that was set aside is complete: what is wrong in it is damage, not an unfinished write.
        let tail = newest.scan()?;
        let cursor = Cursor { offset: newest.bytes(), position: tail.position };
        (tail, cursor)
    } else {
        scan_newest(&newest, &mut recovery)?
    };
    newest.publish(cursor.offset);
    Ok(Opened { chain: Chain(Arc::new(segments)), tail, cursor, recovery })
}

/// The segment files by name; unfinished ones are removed.
fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error("reading", folder))? {
        let path = entry.map_err(io_error("reading", folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.ends_with(writer::UNFINISHED) {
            fs::remove_file(&path).map_err(io_error("removing", &path))?;
        } else if let Some(base) = name.strip_suffix(".log").filter(|digits| digits.len() == 20)
            && let Ok(base) = base.parse()
        {
            found.push((base, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn read_header(path: &Path, layout: Layout) -> Result<Result<SegmentHeader, HeaderFault>, LogError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SegmentHeader::bytes(layout) as u64).read_to_end(&mut bytes))
        .map_err(io_error("reading", path))?;
    Ok(SegmentHeader::parse(&bytes, layout))
}

/// A segment begins where the one before it, complete since, ends.
fn check_predecessor(path: &Path, header: &SegmentHeader, previous: Option<&Segment>) -> Result<(), LogError> {
    let (bytes, base) = previous.map_or((0, 0), |p| (p.bytes(), p.header.base.next_seq));
    let wanted = header.previous_bytes;
    match previous {
        None if header.base.next_seq != 0 => {
            Err(corrupt(path, format!("the segments before event {} are missing", header.base.next_seq)))
        }
        Some(previous) if header.base.next_seq <= base || bytes != wanted => Err(damaged(
            &previous.path,
            bytes.min(wanted),
            &format!("the file has {bytes} bytes; it had {wanted} when the next segment began"),
        )),
        _ => Ok(()),
    }
}

/// Reads the newest segment as far as it is whole, and cuts off the rest.
fn scan_newest(segment: &Segment, recovery: &mut Recovery) -> Result<(Tail, Cursor), LogError> {
    let path = &segment.path;
    let mut tail = segment.header.tail();
    let bytes = segment.bytes();
    let mut reader = segment.reader(segment.start())?;
    let fault = loop {
        let cursor = reader.cursor();
        match reader.next_after(0) {
            Ok(Some(frame)) => {
                // Its checksum is right: what is wrong with its records was written so.
                observe(&mut tail, &frame).map_err(|problem| damaged(path, cursor.offset, &problem))?;
            }
            Ok(None) => return Ok((tail, cursor)),
            Err(ReadFault::Io(source)) => return Err(io_error("reading", path)(source)),
            Err(ReadFault::Frame(fault)) => break fault,
        }
        segment.mark(reader.cursor(), &tail.ends);
    };
    let cursor = reader.cursor();
    drop(reader);
    cut(path, cursor.offset, bytes, &fault, recovery).map_err(io_error("cutting the damaged end of", path))?;
    Ok((tail, cursor))
}

/// Cuts a file after its last whole batch. What is cut is kept beside it, unless it is no more than an unfinished batch.
fn cut(path: &Path, end: u64, bytes: u64, fault: &FrameFault, recovery: &mut Recovery) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let lost = bytes - end;
    recovery.cut_bytes = lost;
    if is_unfinished(&mut file, end, fault)? {
        tracing::info!(path = %path.display(), bytes = lost, "an unfinished batch at the end of the log was cut off");
    } else {
        let kept = free_name(path);
        file.seek(SeekFrom::Start(end))?;
        let mut copy = File::create_new(&kept)?;
        io::copy(&mut file, &mut copy)?;
        copy.sync_all()?;
        tracing::warn!(
            path = %path.display(), byte = end, bytes = lost, kept_as = %kept.display(), problem = %fault,
            "the log is damaged; it goes on after the last whole batch before the damage"
        );
        recovery.kept_as = Some(kept);
    }
    file.set_len(end)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Whether the bytes from `end` on are what a crash leaves of one batch: cut short, or never written (zeros). Anything that
/// holds the mark of a later batch is not.
fn is_unfinished(file: &mut File, end: u64, fault: &FrameFault) -> io::Result<bool> {
    file.seek(SeekFrom::Start(end))?;
    let mut zeros = true;
    let mut marks = 0;
    let mut window = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        zeros &= chunk[..n].iter().all(|&b| b == 0);
        // A mark may lie across two chunks: the last three bytes of the one before stay in the window.
        window.extend_from_slice(&chunk[..n]);
        marks += window.windows(MAGIC.len()).filter(|w| *w == MAGIC).count();
        let keep = window.len().min(MAGIC.len() - 1);
        bytes += n;
        window.drain(..window.len() - keep);
    }
    Ok(match fault {
        _ if zeros => true,
        // Its own mark is one.
        FrameFault::Cut { .. } => marks == 1 || (marks == 0 && bytes < HEADER_BYTES),
        _ => false,
    })
}

/// `FILE.damaged-N` with the first N that is free.
fn free_name(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("segment");
    (0..1_000_000)
        .map(|n| path.with_file_name(format!("{name}.damaged-{n}")))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| path.with_file_name(format!("{name}.damaged")))
}
