//! Keeps the index in step with the segments: opens it, brings it up to date, and rebuilds it if it does not fit.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};

use crate::error::LogError;
use crate::event::Topic;
use crate::index::{Entries, Index};
use crate::position::Position;
use crate::segment::BatchEnd;
use crate::segment::chain::Chain;
use crate::segment::tail::Tail;
use crate::source::EventSource;

/// Entries are committed in portions of about this many.
const PORTION: usize = 20_000;

/// The index; missing after a failed write, until the next append opens it again.
#[derive(Debug)]
pub(super) struct IndexSlot {
    path: PathBuf,
    index: RwLock<Option<Index>>,
    /// It could not be read: the next append rebuilds it.
    unreadable: AtomicBool,
}

impl IndexSlot {
    /// Opens the index in a folder and brings it up to the log's end. Also returns why it was rebuilt, if it was.
    pub(super) fn open(path: PathBuf, chain: &Chain, tail: &Tail) -> Result<(Self, Option<String>), LogError> {
        let (index, rebuilt) = open(&path, chain, tail)?;
        Ok((Self { path, index: RwLock::new(Some(index)), unreadable: AtomicBool::new(false) }, rebuilt))
    }

    /// The index, opened again if it failed, and rebuilt if it could not be read.
    pub(super) fn healthy(&self, chain: &Chain, tail: &Tail) -> Result<MappedRwLockReadGuard<'_, Index>, LogError> {
        if self.unreadable.load(Ordering::Acquire) {
            let mut slot = self.index.write();
            *slot = None;
            *slot = Some(rebuild(&self.path, "it cannot be read", chain, tail)?);
            self.unreadable.store(false, Ordering::Release);
        } else if self.index.read().is_none() {
            let mut slot = self.index.write();
            *slot = Some(open(&self.path, chain, tail)?.0);
        }
        RwLockReadGuard::try_map(self.index.read(), Option::as_ref).map_err(|_| self.closed())
    }

    /// The index does not hold what the log holds: the next append opens it again.
    pub(super) fn fail(&self) {
        *self.index.write() = None;
    }

    /// Reading the index failed.
    pub(super) fn distrust(&self) {
        self.unreadable.store(true, Ordering::Release);
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Index) -> Result<T, LogError>) -> Result<T, LogError> {
        let index = self.index.read();
        let index = index.as_ref().ok_or_else(|| self.closed())?;
        look(index).inspect_err(|_| self.distrust())
    }

    /// As [`Self::read`], for callers that cannot return an error.
    pub(super) fn lookup<T>(&self, what: &str, look: impl FnOnce(&Index) -> Result<Option<T>, LogError>) -> Option<T> {
        self.read(look).unwrap_or_else(|error| {
            tracing::error!(%error, "{what} could not be looked up");
            None
        })
    }

    fn closed(&self) -> LogError {
        let problem = "it failed and is opened again by the next append".to_owned();
        LogError::Index { path: self.path.display().to_string(), problem }
    }
}

fn open(path: &Path, chain: &Chain, tail: &Tail) -> Result<(Index, Option<String>), LogError> {
    let index = match fitting(path, chain, tail) {
        Ok(index) => index,
        Err(Misfit::Log(error)) => return Err(error),
        Err(Misfit::Index(reason)) => {
            let index = rebuild(path, &reason, chain, tail)?;
            // A new log has no index yet: nothing to report.
            return Ok((index, (tail.position.next_seq > 0).then_some(reason)));
        }
    };
    note_segments(&index, chain)?;
    Ok((index, None))
}

/// How many events the index on the disk covers; `None` if it is missing or cannot be read.
pub(super) fn covered(path: &Path) -> Option<u64> {
    // Opening a missing index would make it.
    let index = path.exists().then(|| Index::open(path).ok()).flatten()?;
    index.covered().ok().flatten().map(|position| position.next_seq)
}

/// Builds the index from the segments.
fn rebuild(path: &Path, reason: &str, chain: &Chain, tail: &Tail) -> Result<Index, LogError> {
    if tail.position.next_seq > 0 {
        tracing::warn!(path = %path.display(), reason, "the index is rebuilt from the log");
    }
    let index = Index::begin_anew(path)?;
    catch_up(&index, BatchEnd::default(), chain, tail)?;
    note_segments(&index, chain)?;
    Ok(index)
}

/// Why the index on disk is not used.
enum Misfit {
    /// It does not fit.
    Index(String),
    /// The log itself cannot be read.
    Log(LogError),
}

impl From<LogError> for Misfit {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Index { problem, .. } => Self::Index(problem),
            error => Self::Log(error),
        }
    }
}

/// The index on the disk, brought up to date, if the log holds what it covers.
fn fitting(path: &Path, chain: &Chain, tail: &Tail) -> Result<Index, Misfit> {
    if !path.exists() {
        return Err(Misfit::Index("there is none".to_owned()));
    }
    let index = Index::open(path)?;
    let Some(covered) = index.covered()? else {
        return Err(Misfit::Index("it has another format".to_owned()));
    };
    let held =
        if covered.next_seq >= tail.position.next_seq { covered == tail.position } else { chain.holds(covered)? };
    if !held {
        let reason = format!("it covers {} events that are not those of the log", covered.next_seq);
        return Err(Misfit::Index(reason));
    }
    catch_up(&index, covered, chain, tail)?;
    Ok(index)
}

/// What [`check_index`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexCheck {
    /// Events the index covers.
    pub covers: u64,
    /// Entries that the log demands.
    pub entries: u64,
    /// Those of them that the index lacks or has with another value.
    pub wrong: u64,
}

/// Compares every entry of the index in a log's folder with the log. The index must not be open. Returns `None` if it is missing.
pub fn check_index(folder: &Path, log: &dyn EventSource) -> Result<Option<IndexCheck>, LogError> {
    let path = folder.join("index");
    if !path.exists() {
        return Ok(None);
    }
    let index = Index::open(&path)?;
    let Some(covered) = index.covered()? else {
        return Err(LogError::Index { path: path.display().to_string(), problem: "it has another format".to_owned() });
    };
    let held = log.position_at(covered.next_seq)?;
    if held.is_none_or(|held| held.check().unwrap_or_default() != covered.check) {
        let problem = format!("it covers {} events that are not those of the log", covered.next_seq);
        return Err(LogError::Index { path: path.display().to_string(), problem });
    }
    let mut found = IndexCheck { covers: covered.next_seq, ..IndexCheck::default() };
    let mut failed = None;
    log.read_from(&Position::default(), &mut |records, position| {
        if position.events() > covered.next_seq {
            return false;
        }
        let mut entries = Entries::default();
        for record in &records {
            entries.add(record.seq, &record.event);
        }
        match index.compare(&entries) {
            Ok((all, wrong)) => {
                found.entries += all;
                found.wrong += wrong;
            }
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(Some(found)), Err)
}

fn catch_up(index: &Index, covered: BatchEnd, chain: &Chain, tail: &Tail) -> Result<(), LogError> {
    if covered == tail.position {
        return Ok(());
    }
    let mut entries = Entries::default();
    chain.visit_from(covered.next_seq, &mut |visit| {
        for record in visit.records() {
            let (seq, record) = record?;
            if record.has_id || record.topic == Topic::Meta {
                entries.add(seq, &record.decode().map_err(|e| visit.error(&format!("event {seq}: {e}")))?);
            }
        }
        if entries.len() >= PORTION {
            index.commit(std::mem::take(&mut entries), visit.frame.header.end())?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    index.commit(entries, tail.position)
}

/// Gives every complete segment its newest times, from the index or, once, from a scan.
fn note_segments(index: &Index, chain: &Chain) -> Result<(), LogError> {
    let Some((_, complete)) = chain.0.split_last() else { return Ok(()) };
    for segment in complete {
        let base = segment.header.base.next_seq;
        if let Some(newest_at) = index.segment(base, segment.header.layout.slots())? {
            segment.seal(newest_at);
            continue;
        }
        let newest_at = match segment.newest_at.get() {
            Some(newest_at) => newest_at.clone(),
            None => segment.scan()?.newest_at,
        };
        index.note_segment(base, &newest_at)?;
        segment.seal(newest_at);
    }
    Ok(())
}
