//! The popularity prior: what anyone would do with a post, from counts that fade.
//!
//! `p_a = (n_a + 20 r_a) / (N + 20)`, where `n_a` counts action `a` on the post and decays with the profile's half-life, `r_a`
//! is the global rate of `a`, and `N` is the post's decayed impressions where impressions are recorded, else one number for
//! every post: the distinct viewers active within the half-life. A post was shown at least as often as its most frequent action
//! was taken, so no probability exceeds 1. For a continuous head `n_a` is a sum of seconds, so `p_a` is
//! an expected number of seconds.

use serde::{Deserialize, Serialize};

use crate::{ActionIndex, ActionKind, ActionSet, TimeMs};

/// The global rate counts as this many impressions of every post: a post without impressions of its own is average.
pub const PRIOR_IMPRESSIONS: f64 = 20.0;

/// What happened to one post (or to all of them), fading exponentially. All values are as of [`Self::at`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EngagementCounts {
    /// The moment the values are as of.
    pub at: TimeMs,
    /// Times shown.
    pub impressions: f64,
    /// Per action of the set, times taken (seconds for a continuous one); may be shorter than the set: the rest is 0.
    pub actions: Vec<f64>,
}

/// Fading of counts: a count is worth half after this long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfLife {
    ms: f64,
}

impl HalfLife {
    /// A half-life in seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self { ms: seconds as f64 * 1_000.0 }
    }

    /// What is left of a count after `ms` milliseconds; 1 for a moment before the count.
    pub fn left_after(self, ms: i64) -> f64 {
        if ms <= 0 { 1.0 } else { (-(ms as f64) / self.ms).exp2() }
    }
}

impl EngagementCounts {
    /// Brings the counts to a moment. An event older than the counts is worth what is left of it by then, so the order in which
    /// events arrive does not change the sum (up to rounding).
    fn fade_in(&mut self, at: TimeMs, half_life: HalfLife) -> f64 {
        if at > self.at {
            let left = half_life.left_after(at.since(self.at));
            self.impressions *= left;
            self.actions.iter_mut().for_each(|n| *n *= left);
            self.at = at;
            1.0
        } else {
            half_life.left_after(self.at.since(at))
        }
    }

    /// Counts `amount` more of an action at a moment; negative when it is taken back (never below 0).
    pub fn add_action(&mut self, action: ActionIndex, amount: f64, at: TimeMs, half_life: HalfLife) {
        let worth = self.fade_in(at, half_life);
        let i = action as usize;
        if self.actions.len() <= i {
            self.actions.resize(i + 1, 0.0);
        }
        self.actions[i] = (self.actions[i] + amount * worth).max(0.0);
    }

    /// Counts `shown` more impressions at a moment.
    pub fn add_impressions(&mut self, shown: f64, at: TimeMs, half_life: HalfLife) {
        let worth = self.fade_in(at, half_life);
        self.impressions += shown * worth;
    }

    /// An action's count as of `now`.
    pub fn action(&self, action: ActionIndex, now: TimeMs, half_life: HalfLife) -> f64 {
        self.actions.get(action as usize).map_or(0.0, |n| n * half_life.left_after(now.since(self.at)))
    }

    /// The largest count of a discrete action as of [`Self::at`]: the post was shown at least so often.
    pub fn most_taken(&self, discrete: &[bool]) -> f64 {
        self.actions.iter().zip(discrete).filter(|(_, discrete)| **discrete).map(|(n, _)| *n).fold(0.0, f64::max)
    }

    /// The impressions as of `now`.
    pub fn impressions(&self, now: TimeMs, half_life: HalfLife) -> f64 {
        self.impressions * half_life.left_after(now.since(self.at))
    }
}

/// The global side of the prior, as of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct PopularityPrior {
    /// As of when.
    pub now: TimeMs,
    /// Fading of the counts.
    pub half_life: HalfLife,
    /// `r_a`: per action of the set, its rate per impression of any post.
    pub rates: Box<[f64]>,
    /// Per action of the set, whether it happens or not (a probability) or is a number of seconds.
    pub discrete: Box<[bool]>,
    /// `N` of every post where impressions are not recorded: viewers active within the half-life. `None`: each post's own.
    pub viewers: Option<f64>,
}

impl PopularityPrior {
    /// The prior of a data set.
    ///
    /// `total` sums all posts. Without recorded impressions (`viewers` is `Some`), every one of the `posts` with any engagement
    /// counts as shown to every active viewer.
    pub fn new(
        set: &ActionSet,
        total: &EngagementCounts,
        posts: usize,
        viewers: Option<f64>,
        now: TimeMs,
        half_life: HalfLife,
    ) -> Self {
        let shown = viewers.map_or_else(|| total.impressions(now, half_life), |v| v * posts as f64);
        let rates = set
            .iter()
            .map(|(a, def)| {
                let rate = if shown > 0.0 { total.action(a, now, half_life) / shown } else { 0.0 };
                match def.kind {
                    ActionKind::Discrete => rate.clamp(0.0, 1.0),
                    ActionKind::Continuous => rate.clamp(0.0, ActionSet::DWELL_CLIP_SECONDS),
                }
            })
            .collect();
        let discrete = set.iter().map(|(_, def)| def.kind == ActionKind::Discrete).collect();
        Self { now, half_life, rates, discrete, viewers }
    }

    /// The heads of a post, `[A]`. `None`: nothing ever happened to the post.
    pub fn heads(&self, counts: Option<&EngagementCounts>) -> Box<[f64]> {
        let mut heads = self.rates.clone();
        self.heads_into(counts, &mut heads);
        heads
    }

    /// As [`Self::heads`], into a buffer of length `A`.
    pub fn heads_into(&self, counts: Option<&EngagementCounts>, heads: &mut [f64]) {
        let left = counts.map_or(0.0, |c| self.half_life.left_after(self.now.since(c.at)));
        let shown = self.viewers.unwrap_or_else(|| counts.map_or(0.0, |c| c.impressions * left));
        // What was acted on was shown, even where that was not recorded: no probability above 1.
        let shown = shown.max(counts.map_or(0.0, |c| c.most_taken(&self.discrete) * left));
        for (a, (head, rate)) in heads.iter_mut().zip(&self.rates).enumerate() {
            let taken = counts.and_then(|c| c.actions.get(a)).map_or(0.0, |n| n * left);
            *head = (taken + PRIOR_IMPRESSIONS * rate) / (shown + PRIOR_IMPRESSIONS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: HalfLife = HalfLife::seconds(100);

    #[test]
    fn counts_halve_and_late_events_are_worth_less() {
        let mut counts = EngagementCounts::default();
        counts.add_action(1, 4.0, TimeMs(0), HALF);
        assert_eq!(counts.action(1, TimeMs(100_000), HALF), 2.0);
        counts.add_action(1, 1.0, TimeMs(100_000), HALF);
        assert_eq!(counts.action(1, TimeMs(100_000), HALF), 3.0);
        counts.add_action(1, 1.0, TimeMs(0), HALF); // arrives late, one half-life old
        assert_eq!(counts.action(1, TimeMs(100_000), HALF), 3.5);
        counts.add_action(1, -100.0, TimeMs(100_000), HALF);
        assert_eq!(counts.action(1, TimeMs(100_000), HALF), 0.0);
        assert_eq!(counts.action(0, TimeMs(0), HALF), 0.0);
    }

    #[test]
    fn the_formula_by_hand_with_impressions() {
        let set = ActionSet::discrete(1, &[("click", 1.0), ("like", 2.0)]);
        let (mut post, mut total) = (EngagementCounts::default(), EngagementCounts::default());
        for counts in [&mut post, &mut total] {
            counts.add_impressions(10.0, TimeMs(0), HALF);
            counts.add_action(0, 3.0, TimeMs(0), HALF);
        }
        total.add_impressions(90.0, TimeMs(0), HALF);
        total.add_action(0, 7.0, TimeMs(0), HALF);
        let prior = PopularityPrior::new(&set, &total, 2, None, TimeMs(0), HALF);
        assert_eq!(prior.rates.as_ref(), [0.1, 0.0]);
        // (3 + 20 * .1) / (10 + 20)
        assert!((prior.heads(Some(&post))[0] - 5.0 / 30.0).abs() < 1e-12);
        // a fresh post is average: (0 + 20 * .1) / (0 + 20)
        assert!((prior.heads(None)[0] - 0.1).abs() < 1e-12);
    }

    #[test]
    fn more_actions_than_impressions_are_no_probability_above_1() {
        let set = ActionSet::discrete(1, &[("like", 1.0)]);
        let mut post = EngagementCounts::default();
        post.add_action(0, 50.0, TimeMs(0), HALF);
        let mut total = post.clone();
        total.add_impressions(100.0, TimeMs(0), HALF);
        let prior = PopularityPrior::new(&set, &total, 0, None, TimeMs(0), HALF);
        // (50 + 20 * .5) / (max(0, 50) + 20)
        assert!((prior.heads(Some(&post))[0] - 60.0 / 70.0).abs() < 1e-12);
        let alone = PopularityPrior::new(&set, &post, 0, None, TimeMs(0), HALF);
        assert!(alone.heads(Some(&post))[0] <= 1.0);
    }

    #[test]
    fn without_impressions_one_number_of_viewers_stands_for_all() {
        let set = ActionSet::discrete(1, &[("view", 1.0)]);
        let mut post = EngagementCounts::default();
        post.add_action(0, 6.0, TimeMs(0), HALF);
        let prior = PopularityPrior::new(&set, &post, 3, Some(10.0), TimeMs(0), HALF);
        assert!((prior.rates[0] - 0.2).abs() < 1e-12); // 6 / (3 * 10)
        assert!((prior.heads(Some(&post))[0] - (6.0 + 4.0) / 30.0).abs() < 1e-12);
        assert!((prior.heads(None)[0] - 4.0 / 30.0).abs() < 1e-12);
    }
}
