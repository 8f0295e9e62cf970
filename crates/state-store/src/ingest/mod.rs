//! The one way events come in: checked, appended, applied.

mod check;

use std::sync::Arc;

use event_log::{AppendError, Event, EventLog, LogError, Origin, Position};
use foryou_types::{Clock, DEFAULT_MAX_GAP_DAYS, MAX_AHEAD_MS, Profile, TimeMs, last_before_gap};
use parking_lot::Mutex;
use thiserror::Error;

use crate::error::StateError;
use crate::store::StateStore;
use check::{Checker, brings_time};

/// An event that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Its place in the caller's list.
    pub index: usize,
    /// Why, as a person reads it.
    pub reason: String,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events appended and applied.
    pub accepted: usize,
    /// Places in the caller's list of the events whose id was in the log already.
    pub duplicates: Vec<usize>,
    /// Events refused, by index.
    pub rejected: Vec<Rejection>,
    /// The end of the log after the batch. The state covers it.
    pub position: Position,
}

/// A batch that could not be taken.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The log could not be written or read: nothing of the batch is in it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The state could not be read before, or could not follow after the batch was appended.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Takes events: each is checked against the state and the events before it, those that pass are appended to the log in one
/// batch and applied to the state before the call returns.
///
/// Calls may come from many threads and are taken one after another. They block on the disk.
pub struct Ingestor {
    log: Arc<dyn EventLog>,
    state: Arc<StateStore>,
    profile: Arc<Profile>,
    clock: Arc<dyn Clock>,
    /// Longest time without an event before an imported one, in ms; `None` for any.
    max_gap_ms: Option<i64>,
    /// Held from the check to the end of applying: an event is checked against everything before it.
    turn: Mutex<()>,
}

impl Ingestor {
    /// An ingestor of a folder. `clock` is the folder's own (see [`crate::folder_clock`]).
    pub fn new(log: Arc<dyn EventLog>, state: Arc<StateStore>, profile: Arc<Profile>, clock: Arc<dyn Clock>) -> Self {
        Self { log, state, profile, clock, max_gap_ms: days_ms(DEFAULT_MAX_GAP_DAYS), turn: Mutex::new(()) }
    }

    /// Refuses imported events that are more than this many days after all events before them; with 0 it takes them.
    #[must_use]
    pub fn with_max_gap_days(self, days: u32) -> Self {
        Self { max_gap_ms: days_ms(days), ..self }
    }

    /// Takes a batch; the good ones of it are kept.
    ///
    /// A live event that is at most [`MAX_AHEAD_MS`] ahead of the clock is taken as of now: its sender's clock runs ahead.
    pub fn submit(&self, events: Vec<Event>) -> Result<Outcome, IngestError> {
        self.submit_with(events, &mut |_| Vec::new())
    }

    /// As [`Self::submit`], with events of the caller's own bookkeeping: `marks` is told the places (ascending) of the events
    /// that are refused, and its answer is stored together with the others. It may be asked again; the last answer counts.
    pub fn submit_with(
        &self,
        events: Vec<Event>,
        marks: &mut dyn FnMut(&[usize]) -> Vec<Event>,
    ) -> Result<Outcome, IngestError> {
        let _turn = self.turn.lock();
        // Whoever else appends to the log may be ahead of the state; a check against an old state could let an action on a
        // deleted post pass.
        if self.state.position() != self.log.head().position {
            self.state.catch_up()?;
        }
        let mut rejected = Vec::new();
        let mut good = Vec::with_capacity(events.len());
        let now = self.clock.now();
        let last = self.last_before_gap(&events);
        let mut checker = Checker::new(&self.state, &self.profile, &*self.log, now, last);
        for (index, mut event) in events.into_iter().enumerate() {
            if event.origin == Origin::Live && (1..=MAX_AHEAD_MS).contains(&event.at.since(now)) {
                event.at = now;
            }
            match checker.check(&event)? {
                None => good.push((index, event)),
                Some(reason) => rejected.push(Rejection { index, reason }),
            }
        }
        let (accepted, duplicates) = self.append(good, &mut rejected, marks)?;
        rejected.sort_unstable_by_key(|rejection| rejection.index);
        Ok(Outcome { accepted, duplicates, rejected, position: self.state.position() })
    }

    fn last_before_gap(&self, events: &[Event]) -> Option<TimeMs> {
        let times: Vec<_> = events.iter().filter(|event| brings_time(event)).map(|event| event.at).collect();
        last_before_gap(self.log.head().imported.now(), &times, self.max_gap_ms?)
    }

    /// Appends and applies; answers how many events were accepted and which ones the log had.
    fn append(
        &self,
        mut good: Vec<(usize, Event)>,
        rejected: &mut Vec<Rejection>,
        marks: &mut dyn FnMut(&[usize]) -> Vec<Event>,
    ) -> Result<(usize, Vec<usize>), IngestError> {
        loop {
            let mut places: Vec<usize> = rejected.iter().map(|rejection| rejection.index).collect();
            places.sort_unstable();
            let marks: Vec<Event> = marks(&places);
            let (own, count) = (good.len(), marks.len());
            let batch: Vec<(usize, Event)> =
                good.into_iter().chain(marks.into_iter().map(|mark| (usize::MAX, mark))).collect();
            if batch.is_empty() {
                return Ok((0, Vec::new()));
            }
            match self.log.append(batch.iter().map(|(_, event)| event.clone()).collect()) {
                Ok(appended) => {
                    let duplicates =
                        appended.duplicates.iter().filter_map(|&place| Some(batch.get(place)?.0)).collect();
                    self.follow(&batch, &appended)?;
                    return Ok((appended.accepted.saturating_sub(count), duplicates));
                }
                // The log takes a batch wholly or not at all: try again without the event it cannot store.
                Err(AppendError::Event { index, reason }) if index < own => {
                    good = batch;
                    good.truncate(own);
                    let (index, _) = good.remove(index);
                    rejected.push(Rejection { index, reason });
                }
                Err(AppendError::Event { reason, .. }) => {
                    return Err(LogError::Corrupt { path: "batch".to_owned(), problem: reason }.into());
                }
                Err(AppendError::Log(error)) => return Err(error.into()),
            }
        }
    }

    /// Applies what was just appended, without reading it back where nobody else appended in between.
    fn follow(&self, good: &[(usize, Event)], appended: &event_log::log::Appended) -> Result<(), StateError> {
        let end = appended.position;
        let first = end.next_seq.saturating_sub(appended.accepted as u64);
        let fresh = good.len() - appended.duplicates.len();
        if self.state.position().next_seq == first && fresh == appended.accepted {
            let mut duplicates = appended.duplicates.iter().copied().collect::<rustc_hash::FxHashSet<_>>();
            let events = good.iter().enumerate().filter(|(place, _)| !duplicates.remove(place));
            return self.state.apply_events((first..).zip(events.map(|(_, (_, event))| event)), end);
        }
        self.state.catch_up().map(|_| ())
    }
}

fn days_ms(days: u32) -> Option<i64> {
    (days > 0).then(|| i64::from(days) * 86_400_000)
}
