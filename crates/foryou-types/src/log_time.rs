//! The time of a log: what its imported events say "now" is.
//!
//! One wrong time must not move the clock. Now is the newest event that another one follows, at most [`MAX_AHEAD_MS`] before it
//! in time; an event that is further ahead of all others waits until others come as far.

use std::collections::BTreeMap;

use crate::{DAY_MS, TimeMs};

/// An event may be this far ahead of the others, or of a folder's clock, in ms: the clocks of senders differ (1 h).
pub const MAX_AHEAD_MS: i64 = 3_600_000;

/// A length of time without events, in days, after which an importer refuses a few others, unless it is told otherwise
/// ([`DayTimes::last_before_gap`]).
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

/// A gap is a pause, and not the mark of wrong times, if at least this many events are behind it.
const PAUSE_EVENTS: u64 = 10;

/// And at least one of this many of all events must be behind it: a few wrong times of a large file stay wrong times.
const PAUSE_ONE_IN: u64 = 100;

/// The times of many events, as far as gaps of whole days can be seen in them.
#[derive(Clone, Debug, Default)]
pub struct DayTimes(BTreeMap<i64, Day>);

/// The events of one day.
#[derive(Clone, Copy, Debug)]
struct Day {
    first: TimeMs,
    last: TimeMs,
    events: u64,
}

impl DayTimes {
    /// Takes the time of an event in.
    pub fn observe(&mut self, at: TimeMs) {
        let day = self.0.entry(at.0.div_euclid(DAY_MS)).or_insert(Day { first: at, last: at, events: 0 });
        day.first = day.first.min(at);
        day.last = day.last.max(at);
        day.events += 1;
    }

    /// The last time before the first gap behind which all times are taken for wrong; `None` without such a gap. `now` is the
    /// time of the log that the events are for. The order of the events does not matter.
    ///
    /// Such a gap is longer than `max_gap_ms` (which is at least a day), and behind it are only few events: fewer than 10, or
    /// fewer than one in a hundred. With more events behind it, it is a pause: a service stood still, or data of two periods
    /// were put together. A gap that is not longer than the longest pause, with as many events in front of it too, is usual
    /// in these events. The log's own events do not count: a file that is imported after a pause of the service must be taken
    /// even if the log is a thousand times larger, and the pause alone says nothing against it.
    ///
    /// Where the log has no events yet, the largest group of events without a gap is where its time is (the earliest of
    /// equally large ones): older events may be far from it.
    pub fn last_before_gap(&self, now: Option<TimeMs>, max_gap_ms: i64) -> Option<TimeMs> {
        let days: Vec<Day> = self.0.values().copied().collect();
        let mut last = now.or_else(|| largest_group(&days, max_gap_ms))?;
        let all: u64 = days.iter().map(|day| day.events).sum();
        let is_many = |events: u64| events >= PAUSE_EVENTS && events.saturating_mul(PAUSE_ONE_IN) >= all;
        let (mut before, mut usual) = (0, max_gap_ms);
        for (day, next) in days.iter().zip(days.iter().skip(1)) {
            before += day.events;
            if is_many(before) && is_many(all - before) {
                usual = usual.max(next.first.since(day.last));
            }
        }
        let mut behind = all;
        for day in days {
            if day.first > last && day.first.since(last) > usual && !is_many(behind) {
                return Some(last);
            }
            last = last.max(day.last);
            behind -= day.events;
        }
        None
    }
}

/// The first time of the largest group of days between which no gap is longer than `max_gap_ms`.
fn largest_group(days: &[Day], max_gap_ms: i64) -> Option<TimeMs> {
    let size = |group: &[Day]| group.iter().map(|day| day.events).sum::<u64>();
    let mut groups = days.chunk_by(|a, b| b.first.since(a.last) <= max_gap_ms);
    let first = groups.next()?;
    let largest = groups.fold(first, |largest, group| if size(group) > size(largest) { group } else { largest });
    largest.first().map(|day| day.first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn last_before_gap(now: Option<TimeMs>, times: &[TimeMs], max_gap_ms: i64) -> Option<TimeMs> {
        let mut days = DayTimes::default();
        for &at in times {
            days.observe(at);
        }
        days.last_before_gap(now, max_gap_ms)
    }

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

    #[test]
    fn many_events_behind_a_gap_make_it_a_pause() {
        let last = |now: Option<i64>, groups: &[(i64, usize)]| {
            let times: Vec<_> = groups.iter().flat_map(|&(day, n)| vec![TimeMs(day * DAY + 5); n]).collect();
            last_before_gap(now.map(|day| TimeMs(day * DAY)), &times, 30 * DAY).map(|at| at.0.div_euclid(DAY))
        };
        assert_eq!(last(None, &[(0, 60), (40, 40)]), None);
        assert_eq!(last(None, &[(0, 60), (40, 10)]), None);
        assert_eq!(last(None, &[(0, 60), (40, 9)]), Some(0), "these are few");
        assert_eq!(last(None, &[(0, 2_000), (40, 15)]), Some(0), "these are few in so many");
        assert_eq!(last(None, &[(0, 6_000), (400, 8_000), (27_000, 1)]), Some(400), "one is wrong behind the pause");
        assert_eq!(last(None, &[(0, 60), (100, 2), (200, 40)]), None, "few events are in the middle of a pause");
        assert_eq!(last(Some(0), &[(300, 10)]), None, "a file of its own after a pause of the log");
        assert_eq!(last(Some(0), &[(300, 10), (900, 1)]), Some(300));
        let sparse: Vec<_> = (0..30).map(|i| (40 * i, 1)).collect();
        assert_eq!(last(None, &sparse), None, "gaps of this length are usual here");
        assert_eq!(last(Some(29 * 40), &sparse), None);
    }

    proptest! {
        #[test]
        fn the_order_of_events_does_not_matter(
            mut times in proptest::collection::vec(0i64..400 * HOUR, 0..40),
            now in proptest::option::of(0i64..400 * HOUR),
        ) {
            let given: Vec<_> = times.iter().copied().map(TimeMs).collect();
            let log = of(&times);
            times.sort_unstable();
            let sorted: Vec<_> = times.iter().copied().map(TimeMs).collect();
            prop_assert_eq!(log, of(&times));
            prop_assert_eq!(
                last_before_gap(now.map(TimeMs), &given, DAY),
                last_before_gap(now.map(TimeMs), &sorted, DAY)
            );
            let followed = |at: &TimeMs| sorted.iter().filter(|other| at.since(**other).abs() <= MAX_AHEAD_MS).count() > 1;
            if sorted.len() > 1 && sorted.iter().rev().take(2).all(followed) {
                prop_assert_eq!(log.now(), sorted.last().copied());
            }
        }
    }
}
