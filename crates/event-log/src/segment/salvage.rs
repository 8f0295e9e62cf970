//! Finds the whole frames in damaged segments, and reports the damage.
//!
//! Behind damage a frame is accepted if its own check proves it, or the check of the frame before, if that is known. Frames of
//! format 1 have no own check: such a frame is also accepted if all its records can be read and the next frame follows it.

use std::fs;
use std::path::{Path, PathBuf};

use super::frame::{self, Frame, FrameFault, FrameHeader, HEADER_BYTES, MAGIC};
use super::header::{HeaderFault, SegmentHeader};
use super::{corrupt, io_error, list};
use crate::batch::Layout;
use crate::error::{Damage, LogError};

/// A whole frame and its place.
#[derive(Clone, Copy, Debug)]
struct Found {
    offset: usize,
    header: FrameHeader,
}

impl Found {
    const fn end(&self) -> usize {
        self.offset + self.header.frame_bytes() as usize
    }

    fn bytes<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        file.get(self.offset..self.end()).unwrap_or_default()
    }

    fn frame<'a>(&self, file: &'a [u8]) -> Frame<'a> {
        Frame { header: self.header, payload: self.bytes(file).get(HEADER_BYTES..).unwrap_or_default() }
    }
}

/// What is known before a frame: the events covered, and the checks that the frame before it may have.
#[derive(Clone, Debug)]
struct Before {
    next_seq: u64,
    checks: Vec<u64>,
}

fn header_at(file: &[u8], offset: usize) -> Result<FrameHeader, FrameFault> {
    let rest = file.get(offset..).unwrap_or_default();
    let left = rest.len() as u64;
    let wanted = HEADER_BYTES as u64;
    let bytes = rest.first_chunk().ok_or(FrameFault::Cut { wanted, left })?;
    FrameHeader::parse_any(bytes, left)
}

/// The frame at a place, if a check proves it.
fn proven_at(file: &[u8], offset: usize, before: &Before) -> Option<Found> {
    let found = Found { offset, header: header_at(file, offset).ok()? };
    if found.header.first_seq < before.next_seq {
        return None;
    }
    let bytes = found.bytes(file);
    let is_proven = (found.header.own_check != 0 && frame::own_checksum(bytes) == found.header.own_check)
        || before.checks.iter().any(|&check| frame::checksum(bytes, check) == found.header.check)
        || (found.header.own_check == 0 && is_likely(file, &found));
    is_proven.then_some(found)
}

/// Whether the records of a frame without an own check can be read, and the end of the file or the next frame follows it.
fn is_likely(file: &[u8], found: &Found) -> bool {
    if !found.frame(file).records().all(|record| record.is_ok_and(|record| record.decode().is_ok())) {
        return false;
    }
    found.end() == file.len()
        || header_at(file, found.end()).is_ok_and(|header| {
            let next = Found { offset: found.end(), header };
            frame::checksum(next.bytes(file), found.header.check) == header.check
        })
}

/// The first whole frame behind damage that begins at `from`.
fn resync(file: &[u8], from: usize, before: &Before) -> Option<Found> {
    // The damaged frame's own fields, if they are still plausible.
    let stored = file.get(from..from + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let mut before = Before { next_seq: before.next_seq, checks: stored.into_iter().collect() };
    if let Ok(header) = header_at(file, from) {
        let damaged = Found { offset: from, header };
        // Its length is right if a whole frame follows; then its payload need not be searched for frames.
        if header.first_seq == before.next_seq
            && let Some(found) = proven_at(file, damaged.end(), &before)
        {
            return Some(found);
        }
    }
    let rest = file.get(from + 1..)?;
    let marks = rest.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC);
    for (mark, _) in marks {
        // The mark stands 8 bytes into its frame.
        let Some(offset) = (from + 1 + mark).checked_sub(8).filter(|&offset| offset > from) else { continue };
        if let Some(found) = proven_at(file, offset, &before) {
            return Some(found);
        }
        // Its check may still be what the next frame was made with.
        before.checks.extend(file.get(offset..offset + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes));
        before.checks.truncate(4);
    }
    None
}

/// The first event of the whole frames behind a place of a segment at which no frame could be read; `None` where there is none.
pub(crate) fn next_readable(path: &Path, offset: u64, next_seq: u64) -> Result<Option<u64>, LogError> {
    let file = fs::read(path).map_err(io_error("reading", path))?;
    let before = Before { next_seq, checks: Vec::new() };
    Ok(resync(&file, offset as usize, &before).map(|found| found.header.first_seq))
}

/// What a walk over all segments found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walked {
    /// Damaged places, in order. The last one may be an unfinished batch of a crash, see `unfinished`.
    pub(crate) damages: Vec<Damage>,
    /// Bytes at the end of the newest segment behind the last whole batch.
    pub(crate) unfinished: Option<Damage>,
    /// The first event behind the last whole batch.
    pub(crate) next_seq: u64,
}

/// Reads every segment and visits every whole frame in order, across all damage. Changes nothing.
pub(crate) fn walk(
    folder: &Path,
    layout: Layout,
    visit: &mut dyn FnMut(&Path, Frame<'_>) -> Result<(), LogError>,
) -> Result<Walked, LogError> {
    let mut walked = Walked::default();
    let mut before = Before { next_seq: 0, checks: vec![0] };
    let mut previous: Option<(PathBuf, u64)> = None;
    let paths = list(folder)?.segments;
    for (i, (base, path)) in paths.iter().enumerate() {
        let file = fs::read(path).map_err(io_error("reading", path))?;
        let header = header(path, &file, layout)?;
        if *base > before.next_seq {
            walked.damages.push(gap(folder, &before, *base, previous.as_ref(), header.as_ref()));
            before = Before { next_seq: *base, checks: header.iter().map(|h| h.base.check).collect() };
        }
        match &header {
            Some(header) if header.base.next_seq != *base => {
                walked.damages.push(damage(path, 0, 0, "the header belongs to another segment", *base, Some(*base)));
            }
            Some(_) => {}
            None => walked.damages.push(damage(path, 0, 0, "the header is damaged", *base, Some(*base))),
        }
        let rest = frames(path, &file, SegmentHeader::bytes(layout), &mut before, &mut walked.damages, visit)?;
        let is_newest = i + 1 == paths.len();
        match rest {
            Some(rest) if is_newest => walked.unfinished = Some(rest),
            Some(rest) => {
                let next = paths[i + 1].0;
                walked.damages.push(Damage { next_seq: Some(next.max(rest.first_seq)), ..rest });
                if next > before.next_seq {
                    before = Before { next_seq: next, checks: Vec::new() };
                }
            }
            None => {}
        }
        previous = Some((path.clone(), file.len() as u64));
    }
    walked.next_seq = before.next_seq;
    Ok(walked)
}

fn header(path: &Path, file: &[u8], layout: Layout) -> Result<Option<SegmentHeader>, LogError> {
    match SegmentHeader::parse(file, layout) {
        Ok(header) => Ok(Some(header)),
        Err(HeaderFault::Damaged) => Ok(None),
        Err(HeaderFault::Format(format)) => Err(corrupt(
            path,
            format!("it has segment format {format}, which this program does not know; use a newer one"),
        )),
    }
}

/// Visits the whole frames of one file. Returns what is left at its end without being a frame.
fn frames(
    path: &Path,
    file: &[u8],
    start: usize,
    before: &mut Before,
    damages: &mut Vec<Damage>,
    visit: &mut dyn FnMut(&Path, Frame<'_>) -> Result<(), LogError>,
) -> Result<Option<Damage>, LogError> {
    let mut at = start.min(file.len());
    if at < start {
        // Not even the header is there.
        return Ok(None);
    }
    while at < file.len() {
        let fault = match header_at(file, at) {
            Ok(header) if header.first_seq == before.next_seq => FrameFault::Checksum,
            Ok(header) => FrameFault::Sequence { found: header.first_seq, expected: before.next_seq },
            Err(fault) => fault,
        };
        let found = match proven_at(file, at, before) {
            Some(found) => {
                let follows =
                    before.checks.iter().any(|&c| frame::checksum(found.bytes(file), c) == found.header.check);
                if found.header.first_seq > before.next_seq || !follows {
                    let events = (before.next_seq, Some(found.header.first_seq));
                    damages.push(damage(path, at, 0, &fault.to_string(), events.0, events.1));
                }
                found
            }
            None => match resync(file, at, before) {
                Some(found) => {
                    let next = Some(found.header.first_seq);
                    damages.push(damage(path, at, found.offset - at, &fault.to_string(), before.next_seq, next));
                    found
                }
                None => return Ok(Some(damage(path, at, file.len() - at, &fault.to_string(), before.next_seq, None))),
            },
        };
        visit(path, found.frame(file))?;
        // Either may be what the next frame was made with: the check may be what is damaged.
        let mut checks = vec![found.header.check];
        checks.extend(before.checks.iter().map(|&check| frame::checksum(found.bytes(file), check)));
        checks.dedup();
        checks.truncate(4);
        *before = Before { next_seq: found.header.end().next_seq, checks };
        at = found.end();
    }
    Ok(None)
}

/// The missing events between the end of one segment and the beginning of the next existing file.
fn gap(
    folder: &Path,
    before: &Before,
    base: u64,
    previous: Option<&(PathBuf, u64)>,
    header: Option<&SegmentHeader>,
) -> Damage {
    let wanted = header.map_or(0, |header| header.previous_bytes);
    match previous {
        Some((path, bytes)) if *bytes < wanted => {
            let problem = format!("the file has {bytes} bytes; it had {wanted} when the next segment began");
            damage(path, *bytes as usize, 0, &problem, before.next_seq, Some(base))
        }
        _ => {
            let path = folder.join(format!("{:020}.log", before.next_seq));
            damage(&path, 0, 0, "the segment is missing", before.next_seq, Some(base))
        }
    }
}

fn damage(path: &Path, at: usize, bytes: usize, problem: &str, first_seq: u64, next_seq: Option<u64>) -> Damage {
    Damage {
        path: path.to_owned(),
        offset: at as u64,
        bytes: bytes as u64,
        problem: problem.to_owned(),
        first_seq,
        next_seq,
    }
}
