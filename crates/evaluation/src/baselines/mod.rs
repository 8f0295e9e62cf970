//! Rankings without a model, to compare every model with.
//!
//! A baseline lives through a log as a model does: it is asked about a moment before it is told what happened then. It knows nothing
//! but what it was told, so what comes later cannot reach an answer. Ids are plain 64-bit patterns, times Unix milliseconds.
//!
//! * [`Popular`]: interactions of all time.
//! * [`RecentPopular`]: interactions of the last days.
//! * [`Cooccurrence`]: people who took up the user's last item took up this one soon before or after.

mod cooccurrence;
mod popular;
mod ranked_counts;
mod recent_popular;

pub use cooccurrence::Cooccurrence;
pub use popular::Popular;
pub use recent_popular::RecentPopular;

/// A ranking that is kept current by counting.
///
/// Interactions are told in the order of time, and no question is about a moment before the newest interaction told: an answer is
/// that of the moment asked for, given all that was told until then. An interaction at the very moment of a question counts if it was
/// told before. Asking changes no later answer. Nothing here masks what a user already knows; that is the caller's choice.
///
/// ```
/// use evaluation::{Baseline, Popular};
///
/// let mut popular = Popular::default();
/// popular.observe(1, 70, 1_000);
/// popular.observe(2, 70, 2_000);
/// popular.observe(2, 80, 3_000);
/// let mut scores = Vec::new();
/// popular.scores(3, 4_000, &[80, 70, 90], &mut scores);
/// assert_eq!(scores, [1.0, 2.0, 0.0]);
/// assert_eq!(popular.top(3, 4_000, 1), [(70, 2.0)]);
/// ```
pub trait Baseline: Send {
    /// The name of its row in a report.
    fn name(&self) -> &'static str;

    /// What its score is, for the protocol of a report.
    fn definition(&self) -> String;

    /// Takes in an interaction of `user` with `item` at `at` (ms).
    fn observe(&mut self, user: u64, item: u64, at: i64);

    /// The scores of `items` for `user` at the moment `at` (ms): higher is better, an item never met scores 0.
    ///
    /// `out` is emptied first and then parallel to `items`.
    fn scores(&mut self, user: u64, at: i64, items: &[u64], out: &mut Vec<f64>);

    /// The best `n` items for `user` at the moment `at` (ms) with their scores, best first, ties by the smaller id.
    ///
    /// Only items with a score above 0, so there may be fewer. It takes time with `n` and what scores, not with the catalogue.
    fn top(&mut self, user: u64, at: i64, n: usize) -> Vec<(u64, f64)>;
}

#[cfg(test)]
pub(crate) mod naive {
    use std::cmp::Reverse;

    use proptest::prelude::*;

    use super::Baseline;

    /// `(user, item, at)`.
    pub(crate) type Event = (u64, u64, i64);

    /// Ids at both ends of the 64 bits.
    pub(crate) const ITEMS: [u64; 8] = [0, 1, 2, 3, u64::MAX, u64::MAX - 1, 1 << 63, 1 << 32];

    /// Logs in the order of time, with many events at one moment, few users and few items.
    pub(crate) fn logs() -> impl Strategy<Value = Vec<Event>> {
        prop::collection::vec((0..4u64, 0..ITEMS.len(), 0..30i64), 0..60).prop_map(|rows| {
            let mut at = -200;
            let told = rows.into_iter().map(|(user, item, gap)| {
                at += gap / 10 * gap;
                (user, ITEMS[item], at)
            });
            told.collect()
        })
    }

    /// Tells events without asking.
    pub(crate) fn tell<'a>(baseline: &mut dyn Baseline, log: impl IntoIterator<Item = &'a Event>) {
        for &(user, item, at) in log {
            baseline.observe(user, item, at);
        }
    }

    /// The scores of [`ITEMS`] and the best three.
    pub(crate) type Answer = (Vec<f64>, Vec<(u64, f64)>);

    /// All that can be asked about one moment.
    pub(crate) fn answers(baseline: &mut dyn Baseline, user: u64, at: i64) -> Answer {
        let mut scores = vec![f64::NAN; 3];
        baseline.scores(user, at, &ITEMS, &mut scores);
        (scores, baseline.top(user, at, 3))
    }

    /// The same, computed from scratch.
    pub(crate) fn recount(score: impl Fn(u64) -> u32) -> Answer {
        let scores: Vec<f64> = ITEMS.iter().map(|item| f64::from(score(*item))).collect();
        let mut best: Vec<(u32, u64)> = ITEMS.iter().map(|i| (score(*i), *i)).filter(|b| b.0 > 0).collect();
        best.sort_by_key(|(count, item)| (Reverse(*count), *item));
        (scores, best.into_iter().take(3).map(|(count, item)| (item, f64::from(count))).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::naive::{Answer, Event, answers, logs, tell};
    use super::*;

    fn all() -> [Box<dyn Baseline>; 3] {
        [Box::new(Popular::default()), Box::new(RecentPopular::new(40)), Box::new(Cooccurrence::new(2))]
    }

    /// The answers before each event, as a prequential stream asks.
    fn live(baseline: &mut dyn Baseline, log: &[Event]) -> Vec<Answer> {
        let step = |&(user, item, at): &Event| {
            let answer = answers(baseline, user, at);
            baseline.observe(user, item, at);
            answer
        };
        log.iter().map(step).collect()
    }

    #[test]
    fn names_and_definitions_differ() {
        assert_eq!(all().map(|b| b.name()), ["popular", "recent-popular", "cooccurrence"]);
        let definitions: BTreeSet<String> = all().map(|b| b.definition()).into_iter().collect();
        assert_eq!(definitions.len(), 3);
    }

    #[test]
    fn before_anything_happened_all_score_nothing() {
        for mut baseline in all() {
            let (scores, top) = answers(baseline.as_mut(), 7, 0);
            assert!(scores.iter().all(|s| *s == 0.0) && scores.len() == 8, "{}", baseline.name());
            assert_eq!(top, []);
            baseline.observe(1, 2, 3);
            assert_eq!(baseline.top(1, 3, 0), []);
        }
    }

    proptest! {
        #[test]
        fn what_comes_later_reaches_no_answer(log in logs(), other in logs(), cut in 0..60usize) {
            let cut = cut.min(log.len());
            let last = log[..cut].last().map_or(-200, |e| e.2);
            let elsewhere: Vec<Event> =
                log[..cut].iter().copied().chain(other.iter().map(|e| (e.0, e.1, e.2 + 200 + last))).collect();
            for (mut a, mut b) in all().into_iter().zip(all()) {
                prop_assert_eq!(&live(a.as_mut(), &log)[..cut], &live(b.as_mut(), &elsewhere)[..cut]);
            }
        }

        #[test]
        fn asking_changes_nothing(log in logs(), user in 0..4u64) {
            let end = log.last().map_or(0, |e| e.2) + 15;
            for (mut asked, mut told) in all().into_iter().zip(all()) {
                live(asked.as_mut(), &log);
                tell(told.as_mut(), &log);
                prop_assert_eq!(answers(asked.as_mut(), user, end), answers(told.as_mut(), user, end));
            }
        }
    }
}
