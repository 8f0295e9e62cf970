//! Reads every byte of a log, whole or damaged, and reports what it holds and what is damaged or missing. Changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use foryou_types::TimeMs;

use super::description::{Description, MAX_PARTITIONS};
use super::losses;
use super::mark::SyncedMark;
use crate::batch::Layout;
use crate::error::{Damage, LogError};
use crate::event::{Event, Topic};
use crate::meaning::Meaning;
use crate::segment::header::SegmentHeader;
use crate::segment::salvage::walk;
use crate::segment::tail::moves_the_clock;
use crate::segment::{corrupt, list};

/// What a log holds, and what is damaged or missing.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// Events that could be read, by topic.
    pub events: BTreeMap<Topic, u64>,
    /// Where the log ends: the first event behind the last whole batch.
    pub next_seq: u64,
    /// Time of the newest imported event.
    pub newest_imported: Option<TimeMs>,
    /// What the events mean; `None` if this was not recorded or cannot be read.
    pub meaning: Option<Meaning>,
    /// What is wrong with the log's description, if anything.
    pub description: Option<String>,
    /// Damaged places, in order.
    pub damages: Vec<Damage>,
    /// Bytes behind the last whole batch: what a crash leaves of a batch that was never acknowledged.
    pub unfinished: Option<Damage>,
    /// How many events the log is known to have held, if it ends before that.
    pub known: Option<u64>,
    /// Earlier losses in power cuts, one sentence each.
    pub losses: Vec<String>,
    /// Bytes of all segments.
    pub bytes: u64,
}

impl Examination {
    /// Events that were read.
    pub fn read(&self) -> u64 {
        self.events.values().sum()
    }

    /// Acknowledged events that are lost or cannot be read, as far as can be known.
    pub fn missing(&self) -> u64 {
        self.next_seq.max(self.known.unwrap_or(0)).saturating_sub(self.read())
    }

    /// Whether a writer would refuse the log.
    pub fn is_damaged(&self) -> bool {
        !self.damages.is_empty() || self.known.is_some() || self.description.is_some()
    }
}

/// Examines the log in a folder and hands every event that can be read to `visit`, batch by batch, in order.
///
/// Events that cannot be decoded although their batch is whole are reported as damage.
pub fn examine(dir: &Path, visit: &mut dyn FnMut(Vec<Event>) -> Result<(), LogError>) -> Result<Examination, LogError> {
    let mut found = Examination { losses: losses::read(dir), ..Examination::default() };
    let segments = dir.join("segments");
    let partitions = match Description::read(dir) {
        Ok(description) => {
            found.meaning = description.meaning;
            description.partitions
        }
        Err(error) => {
            found.description = Some(error.to_string());
            partitions_of(&segments)?
        }
    };
    let mark = SyncedMark::read(dir);
    let mut undecoded = Vec::new();
    let walked = walk(&segments, Layout::new(partitions), &mut |path, frame| {
        let mut events = Vec::with_capacity(frame.header.count as usize);
        for (seq, record) in (frame.header.first_seq..).zip(frame.records()) {
            match record.and_then(|r| r.decode().map(|event| (r.topic, event)).map_err(|e| e.to_string())) {
                Ok((topic, event)) => {
                    *found.events.entry(topic).or_default() += 1;
                    if moves_the_clock(topic, event.origin) {
                        found.newest_imported = found.newest_imported.max(Some(event.at));
                    }
                    events.push(event);
                }
                Err(problem) => undecoded.push(Damage {
                    path: path.to_owned(),
                    offset: 0,
                    bytes: 0,
                    problem: format!("event {seq}: {problem}"),
                    first_seq: seq,
                    next_seq: Some(seq + 1),
                }),
            }
        }
        visit(events)
    })?;
    found.damages = walked.damages;
    found.damages.extend(undecoded);
    found.unfinished = walked.unfinished;
    found.next_seq = walked.next_seq;
    let known = mark.map_or(0, |mark| mark.next_seq).max(match mark {
        None => super::index_slot::covered(&dir.join("index")).unwrap_or(0),
        Some(_) => 0,
    });
    found.known = (known > found.next_seq).then_some(known);
    if found.known.is_some() {
        // A crash cannot explain them: the batch was acknowledged, and has changed since.
        let damaged = found.unfinished.take().map(|end| Damage { next_seq: found.known, ..end });
        found.damages.extend(damaged);
    }
    found.bytes =
        list(&segments)?.segments.iter().filter_map(|(_, path)| fs::metadata(path).ok()).map(|m| m.len()).sum();
    Ok(found)
}

/// The partitions of the log in a folder, from its description or, if that cannot be read, from its segments.
pub(super) fn partitions(dir: &Path) -> Result<u16, LogError> {
    Description::read(dir).map(|description| description.partitions).or_else(|_| partitions_of(&dir.join("segments")))
}

/// The partitions of a log whose description cannot be read, from the headers of its segments.
fn partitions_of(segments: &Path) -> Result<u16, LogError> {
    for (_, path) in list(segments)?.segments {
        let Ok(bytes) = fs::read(&path) else { continue };
        let stored = bytes.get(10..12).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes);
        if (1..=MAX_PARTITIONS).contains(&stored) && SegmentHeader::parse(&bytes, Layout::new(stored)).is_ok() {
            return Ok(stored);
        }
    }
    Err(corrupt(segments, "the folder has neither a readable log.toml nor a segment with a whole header"))
}
