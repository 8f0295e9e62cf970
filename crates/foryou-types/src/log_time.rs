//! The time of a log: what its imported events say "now" is.
//!
//! One wrong time must not move the clock. Now is the newest event that another one follows, at most [`MAX_AHEAD_MS`] before it
//! in time; an event that is further ahead of all others waits until others come as far.

use crate::TimeMs;

/// An event may be this far ahead of the others, or of a folder's clock, in ms: the clocks of senders differ (1 h).
pub const MAX_AHEAD_MS: i64 = 3_600_000;

/// A length of time without events after which an importer refuses the next one, in days, unless it is told otherwise.
pub const DEFAULT_MAX_GAP_DAYS: u32 = 30;

/// The newest times of a log's events. They do not depend on the order of the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogTime {
    newest: Option<TimeMs>,
    /// The newest time of all other events; `newest` itself where it is not ahead of them, since from then on no event can make
    /// the difference matter.
    second: Option<TimeMs>,
}

impl LogTime {
    /// A log whose newest event is at `newest`, and whose newest event apart from that one is at `second`.
    pub fn new(newest: Option<TimeMs>, second: Option<TimeMs>) -> Self {
        let mut time = Self { newest, second: second.min(newest) };
        time.settle();
        time
    }

    /// Takes an event in.
    pub fn observe(&mut self, at: TimeMs) {
        if Some(at) > self.newest {
            self.second = self.newest;
            self.newest = Some(at);
        } else {
            self.second = self.second.max(Some(at));
        }
        self.settle();
    }

    fn settle(&mut self) {
        if let (Some(newest), Some(second)) = (self.newest, self.second)
            && newest.since(second) <= MAX_AHEAD_MS
        {
            self.second = self.newest;
        }
    }

    /// The log's now; `None` while there are no events.
    pub fn now(&self) -> Option<TimeMs> {
        self.second.or(self.newest)
    }

    /// The newest time of all.
    pub fn newest(&self) -> Option<TimeMs> {
        self.newest
    }

    /// The newest time of all events but the newest one, where that is ahead of them; else the newest. `None` for one event.
    pub fn second(&self) -> Option<TimeMs> {
        self.second
    }

    /// The time of an event that is so far ahead of all others that it does not move the clock.
    pub fn ahead(&self) -> Option<TimeMs> {
        self.newest.filter(|_| self.newest != self.now())
    }
}

/// The last time of a batch before the first gap that is longer than `max_gap_ms`; `None` without such a gap. `now` is
/// the time of the log that the batch is for.
///
/// The order of the batch does not matter. Where the log has no events yet, the batch's largest group of events without such a
/// gap is where its time is (the earliest of equally large ones): older events may be far from it.
pub fn last_before_gap(now: Option<TimeMs>, times: &[TimeMs], max_gap_ms: i64) -> Option<TimeMs> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let mut last = now.or_else(|| largest_group(&times, max_gap_ms))?;
    for &at in times.iter().skip(times.partition_point(|&at| at <= last)) {
        if at.since(last) > max_gap_ms {
            return Some(last);
        }
        last = at;
    }
    None
}

/// The first time of the largest group of sorted times between which no gap is longer than `max_gap_ms`.
fn largest_group(times: &[TimeMs], max_gap_ms: i64) -> Option<TimeMs> {
    let mut groups = times.chunk_by(|a, b| b.since(*a) <= max_gap_ms);
    let first = groups.next()?;
    let largest = groups.fold(first, |largest, group| if group.len() > largest.len() { group } else { largest });
    largest.first().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn of(times: &[i64]) -> LogTime {
        let mut log = LogTime::default();
        for &at in times {
            log.observe(TimeMs(at));
        }
        log
    }

    #[test]
    fn an_event_ahead_of_the_rest_waits_for_others() {
        assert_eq!(of(&[]).now(), None);
        assert_eq!(of(&[7]).now(), Some(TimeMs(7)));
        assert_eq!(of(&[0, HOUR]).now(), Some(TimeMs(HOUR)), "an hour is within the clocks' difference");
        let outlier = of(&[0, 10, 5 * DAY]);
        assert_eq!((outlier.now(), outlier.ahead()), (Some(TimeMs(10)), Some(TimeMs(5 * DAY))));
        assert_eq!(of(&[0, 5 * DAY, HOUR]).now(), Some(TimeMs(HOUR)), "the others go on without it");
        let followed = of(&[0, 5 * DAY, 5 * DAY + 1]);
        assert_eq!((followed.now(), followed.ahead()), (Some(TimeMs(5 * DAY + 1)), None));
    }

    #[test]
    fn a_gap_is_judged_in_the_order_of_time() {
        let last = |now: Option<i64>, times: &[i64]| {
            let times: Vec<_> = times.iter().map(|&day| TimeMs(day * DAY)).collect();
            last_before_gap(now.map(|day| TimeMs(day * DAY)), &times, 30 * DAY).map(|at| at.0 / DAY)
        };
        assert_eq!(last(None, &[]), None);
        assert_eq!(last(None, &[0, 30, 60]), None);
        assert_eq!(last(None, &[0, 1, 2, 99, 3]), Some(3));
        assert_eq!(last(None, &[99, 0, 1, 2]), Some(2), "the outlier comes first in the file");
        assert_eq!(last(None, &[90, 60, 30, 0]), None, "the newest first is sound");
        assert_eq!(last(None, &[0, 300, 301, 302]), None, "one old event does not refuse the rest");
        assert_eq!(last(None, &[0, 300]), Some(0));
        assert_eq!(last(Some(0), &[300, 301, 302]), Some(0), "the log is older than all of them");
        assert_eq!(last(Some(100), &[0, 50, 100, 120]), None, "what is older is no gap");
    }

    proptest! {
        #[test]
        fn the_order_of_events_does_not_matter(
            mut times in proptest::collection::vec(0i64..40 * HOUR, 0..20),
            now in proptest::option::of(0i64..40 * HOUR),
        ) {
            let given: Vec<_> = times.iter().copied().map(TimeMs).collect();
            let log = of(&times);
            times.sort_unstable();
            let sorted: Vec<_> = times.iter().copied().map(TimeMs).collect();
            prop_assert_eq!(log, of(&times));
            prop_assert_eq!(
                last_before_gap(now.map(TimeMs), &given, HOUR),
                last_before_gap(now.map(TimeMs), &sorted, HOUR)
            );
            let followed = |at: &TimeMs| sorted.iter().filter(|other| at.since(**other).abs() <= MAX_AHEAD_MS).count() > 1;
            if sorted.len() > 1 && sorted.iter().rev().take(2).all(followed) {
                prop_assert_eq!(log.now(), sorted.last().copied());
            }
        }
    }
}
