//! How far the readers of a follower are, and what they met.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use foryou_types::TimeMs;
use parking_lot::{Condvar, Mutex};

use crate::position::Position;

/// What a follower has read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FollowStats {
    /// Everything before this position is applied.
    pub position: Position,
    /// Events applied.
    pub records: u64,
    /// Events that could not be read or applied.
    pub skipped: u64,
    /// Panics that were caught.
    pub panics: u64,
    /// Times the log could not be reached.
    pub read_errors: u64,
    /// Events in the partitions that are not read yet.
    pub lag: u64,
    /// Time of the newest event that was applied; `None` before the first.
    pub newest_at: Option<TimeMs>,
    /// Events a second, lately.
    pub records_per_second: f64,
}

/// Counters and positions that the readers share.
#[derive(Debug)]
pub(super) struct Progress {
    /// Up to where each reader has applied its partitions.
    reached: Mutex<Vec<Position>>,
    applied: Mutex<Position>,
    moved: Condvar,
    pub(super) records: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) read_errors: AtomicU64,
    newest_at: AtomicI64,
    meter: Mutex<Meter>,
}

#[derive(Debug)]
struct Meter {
    since: Instant,
    records: u64,
    rate: f64,
}

impl Progress {
    pub(super) fn new(readers: usize) -> Self {
        Self {
            reached: Mutex::new(vec![Position::default(); readers]),
            applied: Mutex::default(),
            moved: Condvar::new(),
            records: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            read_errors: AtomicU64::new(0),
            newest_at: AtomicI64::new(i64::MIN),
            meter: Mutex::new(Meter { since: Instant::now(), records: 0, rate: 0.0 }),
        }
    }

    /// A reader has applied everything of its partitions before `position`.
    pub(super) fn publish(&self, reader: usize, position: &Position) {
        let mut reached = self.reached.lock();
        let own = &mut reached[reader];
        *own = own.join(position);
        let all = reached.iter().skip(1).fold(reached[0].clone(), |all, one| all.meet(one));
        let mut applied = self.applied.lock();
        if !applied.covers(&all) {
            *applied = all;
            self.moved.notify_all();
        }
    }

    pub(super) fn position(&self) -> Position {
        self.applied.lock().clone()
    }

    pub(super) fn wait_for(&self, position: &Position, timeout: Duration) -> bool {
        let mut applied = self.applied.lock();
        self.moved.wait_while_for(&mut applied, |applied| !applied.covers(position), timeout);
        applied.covers(position)
    }

    /// An event of this time was applied.
    pub(super) fn saw(&self, at: TimeMs) {
        self.records.fetch_add(1, Relaxed);
        self.newest_at.fetch_max(at.0, Relaxed);
    }

    /// The counters, with the lag that the caller knows.
    pub(super) fn stats(&self, lag: u64) -> FollowStats {
        let records = self.records.load(Relaxed);
        let newest_at = self.newest_at.load(Relaxed);
        FollowStats {
            position: self.position(),
            records,
            skipped: self.skipped.load(Relaxed),
            panics: self.panics.load(Relaxed),
            read_errors: self.read_errors.load(Relaxed),
            lag,
            newest_at: (newest_at > i64::MIN).then_some(TimeMs(newest_at)),
            records_per_second: self.rate(records),
        }
    }

    /// The rate of the last second or longer.
    fn rate(&self, records: u64) -> f64 {
        let mut meter = self.meter.lock();
        let seconds = meter.since.elapsed().as_secs_f64();
        // Before the first full second, the rate since the start is the best there is.
        let recent = records.saturating_sub(meter.records) as f64 / seconds.max(1e-3);
        if seconds >= 1.0 {
            *meter = Meter { since: Instant::now(), records, rate: recent };
        }
        if meter.records == 0 { recent } else { meter.rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Topic;

    #[test]
    fn the_position_is_what_all_readers_have_applied() {
        let at = |posts, graph| Position::new(&[(Topic::Posts, &[posts]), (Topic::Graph, &[graph])], None);
        let progress = Progress::new(2);
        progress.publish(0, &at(10, 1));
        assert_eq!(progress.position(), Position::default());
        // Two snapshots of a log without one order of all events: neither covers the other.
        progress.publish(1, &at(7, 3));
        assert_eq!(progress.position(), at(7, 1));
        progress.publish(1, &at(3, 3));
        progress.publish(1, &at(12, 3));
        assert_eq!(progress.position(), at(10, 1));
        assert!(progress.wait_for(&at(10, 0), Duration::ZERO));
        assert!(!progress.wait_for(&at(11, 0), Duration::from_millis(5)));
    }
}
