//! The one way events come in: checked, appended, applied.

mod check;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_log::{Event, EventLog, LogError, Origin, Position, Stored, append_storable};
use foryou_types::{Clock, DAY_MS, DEFAULT_MAX_GAP_DAYS, DayTimes, MAX_AHEAD_MS, Profile, TimeMs};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use thiserror::Error;

use crate::error::StateError;
use crate::store::StateStore;
use check::{Checker, Verdict, brings_time};

/// An event that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Its place in the caller's list.
    pub index: usize,
    /// Why, in words for the sender.
    pub reason: String,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events that changed something.
    pub accepted: usize,
    /// Places in the caller's list of the events that changed nothing: their id was in the log already, or what they say was so
    /// already, or a later event about the same says otherwise. Those of the second and third kind that may yet matter, when an
    /// event with a time between arrives, are in the log: an action taken again, an edge, keyword, label or profile field set
    /// again, and what takes back or removes something that is not there.
    pub duplicates: Vec<usize>,
    /// Events refused, by index.
    pub rejected: Vec<Rejection>,
    /// The end of the log after the batch. The state covers it, unless its disk failed: it then catches up before the next batch.
    pub position: Position,
}

/// A batch that could not be taken.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The log could not be written or read: nothing of the batch is in it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The state could not be read, or could not catch up with the log before the batch: nothing of the batch is in the log.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Takes events: each is checked against the state and the events before it, those that pass are appended to the log in one
/// batch and applied to the state before the call returns.
///
/// Calls may come from many threads and run one after another. They block on the disk.
pub struct Ingestor {
    log: Arc<dyn EventLog>,
    state: Arc<StateStore>,
    profile: Arc<Profile>,
    clock: Arc<dyn Clock>,
    /// Longest time without an event before an imported one, in ms; `None` for any.
    max_gap_ms: Option<i64>,
    /// Held from the check to the end of applying: an event is checked against everything before it.
    turn: Mutex<()>,
    /// The state could not follow the log.
    behind: AtomicBool,
}

impl Ingestor {
    /// An ingestor of a folder. `clock` is the folder's own (see [`crate::folder_clock`]).
    pub fn new(log: Arc<dyn EventLog>, state: Arc<StateStore>, profile: Arc<Profile>, clock: Arc<dyn Clock>) -> Self {
        Self {
            log,
            state,
            profile,
            clock,
            max_gap_ms: days_ms(DEFAULT_MAX_GAP_DAYS),
            turn: Mutex::new(()),
            behind: AtomicBool::new(false),
        }
    }

    /// Refuses the few imported events that are more than this many days after all events before them
    /// ([`DayTimes::last_before_gap`]); 0 accepts all.
    #[must_use]
    pub fn with_max_gap_days(self, days: u32) -> Self {
        Self { max_gap_ms: days_ms(days), ..self }
    }

    /// Takes a batch; the good ones of it are kept.
    ///
    /// A live event that is at most [`MAX_AHEAD_MS`] ahead of the clock gets the current time: the sender's clock runs ahead.
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
        let mut times = DayTimes::default();
        events.iter().filter(|event| brings_time(event)).for_each(|event| times.observe(event.at));
        let last = self.last_before_gap(&times);
        self.submit_until(events, last, marks)
    }

    /// As [`Self::submit_with`], where more is known of the times than this batch says: imported events after `last` are
    /// refused ([`Self::last_before_gap`]).
    pub fn submit_until(
        &self,
        events: Vec<Event>,
        last: Option<TimeMs>,
        marks: &mut dyn FnMut(&[usize]) -> Vec<Event>,
    ) -> Result<Outcome, IngestError> {
        let _turn = self.turn.lock();
        // Whoever else appends to the log may be ahead of the state; a check against an old state could let an action on a
        // deleted post pass.
        self.catch_up()?;
        let (mut rejected, mut duplicates) = (Vec::new(), Vec::new());
        let (mut places, mut good) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
        let now = self.clock.now();
        let mut checker = Checker::new(&self.state, &self.profile, (&*self.log, &*self.log), now, last);
        for (index, mut event) in events.into_iter().enumerate() {
            if event.origin == Origin::Live && (1..=MAX_AHEAD_MS).contains(&event.at.since(now)) {
                event.at = now;
            }
            match checker.check(&event, &good)? {
                Verdict::Good => {
                    places.push(index);
                    good.push(event);
                }
                Verdict::Known => duplicates.push(index),
                Verdict::Bad(reason) => rejected.push(Rejection { index, reason }),
            }
        }
        let refused_before: Vec<usize> = rejected.iter().map(|rejection: &Rejection| rejection.index).collect();
        let stored = append_storable(&*self.log, &good, &mut |refused| {
            let refused = refused.iter().filter_map(|&place| places.get(place));
            let mut all: Vec<usize> = refused_before.iter().chain(refused).copied().collect();
            all.sort_unstable();
            marks(&all)
        })?;
        let place = |place: usize| places.get(place).copied();
        duplicates.extend(stored.appended.duplicates.iter().filter_map(|&i| place(i)));
        rejected.extend(
            stored
                .refused
                .iter()
                .filter_map(|refusal| Some(Rejection { index: place(refusal.index)?, reason: refusal.reason.clone() })),
        );
        let (own, idle) = self.follow(&good, &stored);
        let accepted = own - idle.len();
        duplicates.extend(idle.into_iter().filter_map(place));
        duplicates.sort_unstable();
        rejected.sort_unstable_by_key(|rejection| rejection.index);
        Ok(Outcome { accepted, duplicates, rejected, position: stored.appended.position })
    }

    /// Whether events cannot be taken at the moment: the disk of the log or of the state is full or has failed. Does not block.
    pub fn failing(&self) -> bool {
        self.log.failing() || self.behind.load(Ordering::Acquire)
    }

    /// Tries again what failed. If it succeeds, events are taken again. Blocks on the disk.
    pub fn recover(&self) -> Result<(), IngestError> {
        let _turn = self.turn.lock();
        self.log.recover()?;
        self.catch_up()
    }

    /// Brings the state to the end of the log: it may be behind after a failed write, or if another process appends.
    fn catch_up(&self) -> Result<(), IngestError> {
        let is_behind = self.state.position() != self.log.head().position;
        let caught_up = if is_behind { self.state.catch_up().map(|_| ()) } else { Ok(()) };
        self.behind.store(caught_up.is_err(), Ordering::Release);
        Ok(caught_up?)
    }

    /// The last time of events to import that is sound, judged by all their times; `None` if all are.
    pub fn last_before_gap(&self, times: &DayTimes) -> Option<TimeMs> {
        times.last_before_gap(self.log.head().imported.now(), self.max_gap_ms?)
    }

    /// Applies what was just appended, without reading it back where nobody else appended in between. Answers how many of `good`
    /// that is, and the places of those that changed nothing.
    ///
    /// The batch is in the log and stays there, so the answer must say so even if the state's disk fails. The next batch is not
    /// taken before the state has caught up.
    fn follow(&self, good: &[Event], stored: &Stored) -> (usize, Vec<usize>) {
        let left_out = stored.appended.duplicates.iter().chain(stored.refused.iter().map(|refusal| &refusal.index));
        let left_out: FxHashSet<usize> = left_out.copied().collect();
        let places: Vec<usize> = (0..good.len()).filter(|place| !left_out.contains(place)).collect();
        let end = &stored.appended.position;
        let first = end.events().saturating_sub(stored.appended.accepted as u64);
        let mut idle = Vec::new();
        let mut note = |seq: u64| {
            idle.extend(seq.checked_sub(first).and_then(|i| places.get(usize::try_from(i).ok()?)).copied());
        };
        let followed = if self.state.position().events() == first {
            let events = places.iter().map(|&place| &good[place]).chain(&stored.marks);
            self.state.apply_events((first..).zip(events), end, &mut note)
        } else {
            self.state.catch_up_telling(&mut note, &|_| {}).map(|_| ())
        };
        if let Err(error) = followed {
            self.behind.store(true, Ordering::Release);
            tracing::error!(%error, "a batch is in the log, but the projections could not follow yet");
        }
        (places.len(), idle)
    }
}

fn days_ms(days: u32) -> Option<i64> {
    (days > 0).then(|| i64::from(days) * DAY_MS)
}
