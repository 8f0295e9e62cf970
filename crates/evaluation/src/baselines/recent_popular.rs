//! Popularity of the last days.

use std::collections::VecDeque;

use foryou_types::DAY_MS;

use super::Baseline;
use super::ranked_counts::RankedCounts;

/// The number of interactions with an item that are not older than a window (7 days, [`Default`]).
///
/// An interaction at `e` counts at the moment `t` where `t − e ≤ window`, to the millisecond: nothing is rounded to days. Moments do
/// not go back: a question about an earlier moment than the newest interaction or question is answered as of that newest moment. An
/// interaction that is told late counts until its own time is over.
///
/// Memory: 16 bytes for each interaction within the window and some 50 for each item among them.
#[derive(Clone, Debug)]
pub struct RecentPopular {
    window_ms: i64,
    now: i64,
    /// `(at, item)` of what counts, in the order of time.
    events: VecDeque<(i64, u64)>,
    counts: RankedCounts,
}

impl RecentPopular {
    /// Nothing told yet; a window below 0 is one of 0, in which an interaction counts at its own moment alone.
    pub fn new(window_ms: i64) -> Self {
        Self { window_ms: window_ms.max(0), now: i64::MIN, events: VecDeque::new(), counts: RankedCounts::default() }
    }

    /// Forgets what is too old at `at`.
    fn advance(&mut self, at: i64) {
        self.now = self.now.max(at);
        let oldest = self.now.saturating_sub(self.window_ms);
        while let Some((_, item)) = self.events.pop_front_if(|event| event.0 < oldest) {
            self.counts.remove(item);
        }
    }
}

impl Default for RecentPopular {
    fn default() -> Self {
        Self::new(7 * DAY_MS)
    }
}

impl Baseline for RecentPopular {
    fn name(&self) -> &'static str {
        "recent-popular"
    }

    fn definition(&self) -> String {
        let window = match self.window_ms {
            ms if ms % DAY_MS == 0 => format!("{} days", ms / DAY_MS),
            ms => format!("{ms} ms"),
        };
        format!("interactions with the item in the {window} before the moment")
    }

    fn observe(&mut self, _user: u64, item: u64, at: i64) {
        let place = match self.events.back() {
            Some(newest) if newest.0 > at => self.events.partition_point(|event| event.0 <= at),
            _ => self.events.len(),
        };
        self.events.insert(place, (at, item));
        self.counts.add(item);
        self.advance(at);
    }

    fn scores(&mut self, _user: u64, at: i64, items: &[u64], out: &mut Vec<f64>) {
        self.advance(at);
        self.counts.scores(items, out);
    }

    fn top(&mut self, _user: u64, at: i64, n: usize) -> Vec<(u64, f64)> {
        self.advance(at);
        self.counts.top(n)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::baselines::naive::{answers, logs, recount, tell};

    #[test]
    fn it_leaves_one_millisecond_after_the_window() {
        let mut recent = RecentPopular::default();
        recent.observe(1, 5, 1_000);
        assert_eq!(recent.top(1, 1_000 + 604_800_000, 9), [(5, 1.0)]);
        assert_eq!(recent.top(1, 1_001 + 604_800_000, 9), []);
        assert!(recent.events.is_empty());
    }

    #[test]
    fn told_late_it_counts_until_its_own_time_is_over() {
        let mut recent = RecentPopular::new(10);
        recent.observe(1, 5, 100);
        recent.observe(1, 6, 95);
        recent.observe(1, 7, 89);
        assert_eq!(recent.top(1, 100, 9), [(5, 1.0), (6, 1.0)]);
        assert_eq!(recent.top(1, 106, 9), [(5, 1.0)]);
        assert_eq!(recent.top(1, 90, 9), [(5, 1.0)], "moments do not go back");
    }

    #[test]
    fn the_ends_of_time() {
        let mut recent = RecentPopular::new(i64::MAX);
        recent.observe(1, 5, i64::MIN);
        recent.observe(1, 6, 0);
        assert_eq!(recent.top(1, i64::MAX, 9), [(6, 1.0)]);
        let mut moment = RecentPopular::new(-3);
        moment.observe(1, 5, 7);
        assert_eq!(moment.top(1, 7, 9), [(5, 1.0)]);
        assert_eq!(moment.top(1, 8, 9), []);
    }

    #[test]
    fn the_window_is_said() {
        assert!(RecentPopular::default().definition().contains("in the 7 days"));
        assert!(RecentPopular::new(1_500).definition().contains("in the 1500 ms"));
    }

    proptest! {
        #[test]
        fn equals_counting_anew(log in logs(), window in 0..80i64) {
            let mut recent = RecentPopular::new(window);
            for (n, &(user, item, at)) in log.iter().enumerate() {
                let counts = |e: &(u64, u64, i64), item| e.1 == item && at - e.2 <= window;
                let expected = recount(|item| log[..n].iter().filter(|e| counts(e, item)).count() as u32);
                prop_assert_eq!(answers(&mut recent, user, at), expected);
                recent.observe(user, item, at);
            }
        }

        #[test]
        fn the_order_of_telling_has_no_effect(log in logs(), window in 0..80i64) {
            let end = log.last().map_or(0, |e| e.2);
            let (mut forward, mut backward) = (RecentPopular::new(window), RecentPopular::new(window));
            tell(&mut forward, &log);
            tell(&mut backward, log.iter().rev());
            prop_assert_eq!(answers(&mut forward, 0, end), answers(&mut backward, 0, end));
        }
    }
}
