//! What is in a world and whether it is worth learning.

use std::fmt;

use evaluation::{mean, ndcg_at_k};
use event_log::Event;
use foryou_types::{ActionSet, Rng, SplitMix64, TimeMs};
use serde::{Deserialize, Serialize};

use super::behaviour::HEADS;
use super::slates::Slate;

/// The cut of every NDCG here.
const K: usize = 10;
/// The ceiling must be this much above popularity.
const LEAST_TO_LEARN: f64 = 0.10;
/// Popularity must be this much above chance.
const LEAST_POPULARITY: f64 = 0.03;

/// A number with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What is counted.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// One way of ordering the held-out slates, and how good it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankerScore {
    /// The ranker: `random`, `popularity`, `recency`, `informed_ceiling`, `oracle`.
    pub name: String,
    /// Mean NDCG@10 with gain = max(0, Σ w·p_true).
    pub ndcg_at_10: f64,
    /// Mean NDCG@10 of the actions really taken, gain = max(0, Σ w·taken).
    pub ndcg_at_10_taken: f64,
}

/// The numbers of a world. NDCG is a mean over the slates that have any gain (ties: as shown, see [`evaluation::ndcg_at_k`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldReport {
    /// Viewers.
    pub users: u64,
    /// Authors.
    pub authors: u64,
    /// The seed.
    pub seed: u64,
    /// Where the held-out part begins.
    pub cut: TimeMs,
    /// Posts shown, all slates of the log together.
    pub impressions: u64,
    /// Share of the impressions with an author the viewer followed.
    pub in_network: f64,
    /// Share of the impressions of posts under 48 h old.
    pub under_48_h: f64,
    /// The median number of impressions of a post that is not a repost.
    pub median_impressions: u64,
    /// Held-out slates.
    pub slates: u64,
    /// Held-out slates with a positive true gain.
    pub slates_with_gain: u64,
    /// Held-out slates in which something of positive value was really done.
    pub slates_with_gain_taken: u64,
    /// Posts in held-out slates.
    pub slate_posts: u64,
    /// Per head, how often it happened in the held-out slates (for dwell time: how often the viewer looked at all).
    pub positives: Vec<Count>,
    /// Events by kind.
    pub events: Vec<Count>,
    /// The rankers.
    pub rankers: Vec<RankerScore>,
}

/// What a simulation counted on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) impressions: u64,
    pub(crate) in_network: u64,
    pub(crate) under_48_h: u64,
    pub(crate) median_impressions: u64,
}

impl WorldReport {
    pub(crate) fn new(
        config: &super::WorldConfig,
        set: &ActionSet,
        events: &[Event],
        slates: &[Slate],
        tally: Tally,
    ) -> Self {
        let share = |n: u64| if tally.impressions == 0 { 0.0 } else { n as f64 / tally.impressions as f64 };
        let has_gain = |gain: fn(&super::SlatePost, &ActionSet) -> f64| {
            slates.iter().filter(|s| s.posts.iter().any(|p| gain(p, set) > 0.0)).count() as u64
        };
        Self {
            users: u64::from(config.users),
            authors: u64::from(config.authors),
            seed: config.seed,
            cut: config.cut(),
            impressions: tally.impressions,
            in_network: share(tally.in_network),
            under_48_h: share(tally.under_48_h),
            median_impressions: tally.median_impressions,
            slates: slates.len() as u64,
            slates_with_gain: has_gain(super::SlatePost::gain),
            slates_with_gain_taken: has_gain(super::SlatePost::gain_taken),
            slate_posts: slates.iter().map(|s| s.posts.len() as u64).sum(),
            positives: count_positives(set, slates),
            events: count_events(events),
            rankers: score_rankers(set, slates, config.seed),
        }
    }

    /// NDCG@10 of a ranker, `None` for an unknown name, or in a world without slates.
    pub fn ndcg(&self, ranker: &str) -> Option<f64> {
        self.rankers.iter().find(|r| r.name == ranker).map(|r| r.ndcg_at_10)
    }

    /// What there is to learn: informed ceiling − popularity.
    pub fn to_learn(&self) -> Option<f64> {
        Some(self.ndcg("informed_ceiling")? - self.ndcg("popularity")?)
    }

    /// What popularity knows: popularity − random.
    pub fn popularity_knows(&self) -> Option<f64> {
        Some(self.ndcg("popularity")? - self.ndcg("random")?)
    }

    /// Whether the world is worth learning: ceiling − popularity ≥ .10 and popularity − random ≥ .03.
    pub fn is_worth_learning(&self) -> bool {
        self.to_learn().is_some_and(|d| d >= LEAST_TO_LEARN)
            && self.popularity_knows().is_some_and(|d| d >= LEAST_POPULARITY)
    }

    /// How far a model's NDCG@10 is on the way from popularity (0) to the informed ceiling (1).
    pub fn of_the_way(&self, ndcg_at_10: f64) -> Option<f64> {
        Some((ndcg_at_10 - self.ndcg("popularity")?) / self.to_learn().filter(|d| *d > 0.0)?)
    }
}

/// The mean NDCG@10 of scores (`[slates][C]`) by truth and by what was really done. `None` where no slate has any gain.
pub fn score_slates(set: &ActionSet, slates: &[Slate], scores: &[Vec<f64>]) -> Option<(f64, f64)> {
    let mut truth = Vec::with_capacity(slates.len());
    let mut taken = Vec::with_capacity(slates.len());
    for (slate, scores) in slates.iter().zip(scores) {
        let gains: Vec<f64> = slate.posts.iter().map(|p| p.gain(set)).collect();
        truth.extend(ndcg_at_k(scores, &gains, K));
        let gains: Vec<f64> = slate.posts.iter().map(|p| p.gain_taken(set)).collect();
        taken.extend(ndcg_at_k(scores, &gains, K));
    }
    Some((mean(&truth)?, mean(&taken)?))
}

fn score_rankers(set: &ActionSet, slates: &[Slate], seed: u64) -> Vec<RankerScore> {
    let mut rng = SplitMix64::fork(seed, "random ranker");
    let of = |score: &mut dyn FnMut(&super::SlatePost) -> f64| -> Vec<Vec<f64>> {
        slates.iter().map(|s| s.posts.iter().map(&mut *score).collect()).collect()
    };
    let all = [
        ("random", of(&mut |_| rng.uniform())),
        ("popularity", of(&mut |p| f64::from(p.popularity))),
        ("recency", of(&mut |p| p.created_at.0 as f64)),
        ("informed_ceiling", of(&mut |p| f64::from(p.ceiling))),
        ("oracle", of(&mut |p| p.gain(set))),
    ];
    all.into_iter()
        .filter_map(|(name, scores)| {
            let (ndcg_at_10, ndcg_at_10_taken) = score_slates(set, slates, &scores)?;
            Some(RankerScore { name: name.to_owned(), ndcg_at_10, ndcg_at_10_taken })
        })
        .collect()
}

fn count_positives(set: &ActionSet, slates: &[Slate]) -> Vec<Count> {
    let mut counts = [0u64; HEADS];
    for post in slates.iter().flat_map(|s| &s.posts) {
        for a in post.taken.iter().filter(|a| (*a as usize) < HEADS) {
            counts[a as usize] += 1;
        }
        counts[HEADS - 1] += u64::from(post.dwell_seconds > 0.0);
    }
    set.actions.iter().zip(counts).map(|(a, count)| Count { name: a.name.clone(), count }).collect()
}

fn count_events(events: &[Event]) -> Vec<Count> {
    let mut counts: std::collections::BTreeMap<&'static str, u64> = std::collections::BTreeMap::new();
    for event in events {
        *counts.entry(event.body.kind()).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| Count { name: name.to_owned(), count }).collect()
}

impl fmt::Display for WorldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "world: {} users, {} authors, seed {}, held out from {}",
            self.users, self.authors, self.seed, self.cut
        )?;
        writeln!(
            f,
            "impressions: {} ({:.0} % in network, {:.0} % of posts under 48 h, median {} per post)",
            self.impressions,
            100.0 * self.in_network,
            100.0 * self.under_48_h,
            self.median_impressions
        )?;
        writeln!(
            f,
            "held out: {} slates ({} with gain, {} with gain of taken actions), {} posts\n",
            self.slates, self.slates_with_gain, self.slates_with_gain_taken, self.slate_posts
        )?;
        writeln!(f, "{:<20}{:>10}{:>18}", "ranker", "NDCG@10", "NDCG@10 taken")?;
        for r in &self.rankers {
            writeln!(f, "{:<20}{:>10.4}{:>18.4}", r.name, r.ndcg_at_10, r.ndcg_at_10_taken)?;
        }
        if let (Some(to_learn), Some(knows)) = (self.to_learn(), self.popularity_knows()) {
            let word = if self.is_worth_learning() { "worth learning" } else { "NOT worth learning" };
            writeln!(
                f,
                "ceiling - popularity {to_learn:.4} (>= {LEAST_TO_LEARN:.2}), popularity - random {knows:.4} (>= {LEAST_POPULARITY:.2}): {word}\n"
            )?;
        }
        for (title, counts) in [("held-out positives", &self.positives), ("events", &self.events)] {
            writeln!(f, "{title}")?;
            for c in counts {
                writeln!(f, "  {:<22}{:>10}", c.name, c.count)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::slates::sample_slate;

    #[test]
    fn scores_by_hand() {
        let set = ActionSet::for_you();
        let mut slate = sample_slate();
        for (i, post) in slate.posts.iter_mut().enumerate() {
            post.p_true = vec![0.0; HEADS];
            post.p_true[0] = if i == 4 { 0.5 } else { 0.0 };
            post.taken = foryou_types::ActionMask(u64::from(i == 0));
            post.dwell_seconds = 0.0;
        }
        // only post 4 has a true gain, only post 0 was liked; the scores rank post 4 first and post 0 second
        let scores: Vec<f64> = (0..10)
            .map(|i| {
                f64::from(match i {
                    4 => 2,
                    0 => 1,
                    _ => 0,
                })
            })
            .collect();
        let (truth, taken) = score_slates(&set, &[slate.clone()], &[scores]).unwrap();
        assert_eq!(truth, 1.0);
        assert!((taken - 1.0 / 3f64.log2()).abs() < 1e-12);
        let report = score_rankers(&set, &[slate], 1);
        assert_eq!(
            report.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(),
            ["random", "popularity", "recency", "informed_ceiling", "oracle"]
        );
        assert_eq!(report[4].ndcg_at_10, 1.0);
    }

    #[test]
    fn the_way_from_popularity_to_the_ceiling() {
        let ranker = |name: &str, ndcg_at_10| RankerScore { name: name.to_owned(), ndcg_at_10, ndcg_at_10_taken: 0.0 };
        let config = crate::world::WorldConfig::demo();
        let mut report = WorldReport::new(&config, &ActionSet::for_you(), &[], &[], Tally::default());
        assert!(!report.is_worth_learning() && report.of_the_way(0.5).is_none());
        report.rankers = vec![ranker("random", 0.5), ranker("popularity", 0.6), ranker("informed_ceiling", 0.8)];
        assert!((report.of_the_way(0.7).unwrap() - 0.5).abs() < 1e-12);
        assert!(report.is_worth_learning());
        report.rankers[0].ndcg_at_10 = 0.58;
        assert!(!report.is_worth_learning());
        assert!(report.to_string().contains("NOT worth learning"));
    }
}
