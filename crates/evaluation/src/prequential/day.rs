//! Days of a log, and which of them are reported as one.

use std::collections::BTreeMap;
use std::fmt;

use foryou_types::{DAY_MS, TimeMs};
use serde::{Deserialize, Serialize};

/// A day in UTC, as whole days since 1970-01-01; printed as `2017-10-17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i64);

impl Day {
    /// The day of a moment in Unix milliseconds.
    pub const fn of(at: i64) -> Self {
        Self(at.div_euclid(DAY_MS))
    }

    /// Its first millisecond.
    pub const fn start_ms(self) -> i64 {
        self.0.saturating_mul(DAY_MS)
    }
}

impl fmt::Display for Day {
    /// Outside the years ±9999 the milliseconds of its start.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = TimeMs(self.start_ms()).to_rfc3339();
        f.pad(start.split('T').next().unwrap_or_default())
    }
}

/// One row of a report by day: a day, or several pooled; printed as `2017-10-17` or `2017-10-18..2017-11-13`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(Day, Day)", into = "(Day, Day)")]
pub struct DaySpan {
    first: Day,
    last: Day,
}

impl DaySpan {
    /// From `first` to `last`, both included; the other way round means the same.
    pub fn new(first: Day, last: Day) -> Self {
        Self { first: first.min(last), last: first.max(last) }
    }

    /// The first day of it.
    pub const fn first(&self) -> Day {
        self.first
    }

    /// The last day of it.
    pub const fn last(&self) -> Day {
        self.last
    }

    /// Whether a day is in it.
    pub fn contains(&self, day: Day) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

impl From<Day> for DaySpan {
    fn from(day: Day) -> Self {
        Self::new(day, day)
    }
}

impl From<(Day, Day)> for DaySpan {
    fn from((first, last): (Day, Day)) -> Self {
        Self::new(first, last)
    }
}

impl From<DaySpan> for (Day, Day) {
    fn from(span: DaySpan) -> Self {
        (span.first, span.last)
    }
}

impl fmt::Display for DaySpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return self.first.fmt(f);
        }
        f.pad(&format!("{}..{}", self.first, self.last))
    }
}

/// The rows of a report by day, in order: from the first day on which, and after which, every day has fewer than `min_events`
/// events, all days are one row; each day before is a row of its own.
///
/// `counts` are the events of each day that has any. Logs are often collected whole for some days and then fade out for weeks; the
/// tail holds too little for a row (or a refresh of the models) a day, while a thin day between full ones stays what it is.
///
/// ```
/// use evaluation::{Day, pool_tail};
///
/// let counts = [(0, 900), (1, 20), (2, 800), (3, 30), (7, 1)].map(|(day, n)| (Day(day), n)).into();
/// let rows: Vec<String> = pool_tail(&counts, 100).iter().map(ToString::to_string).collect();
/// assert_eq!(rows, ["1970-01-01", "1970-01-02", "1970-01-03", "1970-01-04..1970-01-08"]);
/// ```
pub fn pool_tail(counts: &BTreeMap<Day, u64>, min_events: u64) -> Vec<DaySpan> {
    let pooled = counts.values().rev().take_while(|events| **events < min_events).count();
    let mut spans: Vec<DaySpan> = counts.keys().map(|day| DaySpan::from(*day)).collect();
    let tail = spans.split_off(spans.len() - pooled);
    if let (Some(first), Some(last)) = (tail.first(), tail.last()) {
        spans.push(DaySpan::new(first.first, last.last));
    }
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(counts: &[(i64, u64)], min_events: u64) -> Vec<(i64, i64)> {
        let counts = counts.iter().map(|(day, n)| (Day(*day), *n)).collect();
        pool_tail(&counts, min_events).into_iter().map(|span| (span.first.0, span.last.0)).collect()
    }

    #[test]
    fn days_begin_at_midnight_in_utc() {
        // 2017-10-17T00:00:00Z is 1508198400 s.
        let day = Day::of(1_508_198_400_000);
        assert_eq!((day.to_string(), day.start_ms()), ("2017-10-17".into(), 1_508_198_400_000));
        assert_eq!(Day::of(day.start_ms() - 1).to_string(), "2017-10-16");
        assert_eq!(Day::of(day.start_ms() + 86_399_999), day);
        assert_eq!(Day::of(-1).to_string(), "1969-12-31");
        assert_eq!(Day::of(i64::MAX).to_string(), "9223372036828800000");
        assert_eq!(Day::of(Day::of(i64::MIN).start_ms()), Day::of(i64::MIN));
    }

    #[test]
    fn the_name_of_a_row() {
        let pooled = DaySpan::new(Day(3), Day(1));
        assert_eq!(
            format!("[{pooled:>24}] [{:12}]", DaySpan::from(Day(0))),
            "[  1970-01-02..1970-01-04] [1970-01-01  ]"
        );
        assert!(pooled.contains(Day(2)) && !pooled.contains(Day(4)) && !pooled.contains(Day(0)));
        assert_eq!(serde_json::to_string(&pooled).unwrap(), "[1,3]");
        assert_eq!(serde_json::from_str::<DaySpan>("[3,1]").unwrap(), pooled);
    }

    #[test]
    fn only_the_thin_tail_is_pooled() {
        assert_eq!(rows(&[(1, 50), (2, 3), (3, 50), (4, 9), (6, 9)], 10), [(1, 1), (2, 2), (3, 3), (4, 6)]);
        assert_eq!(rows(&[(1, 50), (2, 9)], 10), [(1, 1), (2, 2)], "one thin day at the end is a row as it is");
        assert_eq!(
            rows(&[(1, 50), (2, 9), (3, 10)], 10),
            [(1, 1), (2, 2), (3, 3)],
            "as many as wanted are not too few"
        );
        assert_eq!(rows(&[(1, 5), (2, 9)], 10), [(1, 2)]);
        assert_eq!(rows(&[(1, 5), (2, 9)], 0), [(1, 1), (2, 2)]);
        assert_eq!(rows(&[], 10), []);
    }

    proptest! {
        #[test]
        fn every_day_is_in_one_row_and_the_rows_are_in_order(
            counts in prop::collection::btree_map((-20..20i64).prop_map(Day), 0..20u64, 0..20),
            min_events in 0..20u64,
        ) {
            let spans = pool_tail(&counts, min_events);
            for day in counts.keys() {
                prop_assert_eq!(spans.iter().filter(|span| span.contains(*day)).count(), 1);
            }
            prop_assert!(spans.windows(2).all(|w| w[0].last() < w[1].first()));
            // A full day is never pooled, and the day before the pool is full.
            for span in spans.iter().filter(|span| span.first() < span.last()) {
                prop_assert!(counts.iter().filter(|(day, _)| span.contains(**day)).all(|(_, n)| *n < min_events));
                let before = counts.range(..span.first()).next_back();
                prop_assert!(before.is_none_or(|(_, n)| *n >= min_events));
                prop_assert_eq!(Some(&span.last()), counts.keys().next_back());
            }
        }
    }
}
