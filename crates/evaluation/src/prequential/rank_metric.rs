//! What one predicted target is worth.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number that outcomes are turned into; its mean over targets is what is reported.
pub trait Metric: Copy + PartialEq + 'static {
    /// Every metric of the kind, in the order of columns.
    const ALL: &'static [Self];

    /// The name of its column.
    fn name(self) -> &'static str;

    /// Its definition for the protocol of a report.
    fn definition(self) -> &'static str;
}

/// What one predicted target gave under one model.
pub trait Measured: Copy {
    /// What it is measured by.
    type Metric: Metric;

    /// What it is worth.
    fn value(self, metric: Self::Metric) -> f64;
}

/// What one predicted target gave under one model: the rank of the item that was then taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outcome {
    /// From 0; `u32::MAX` where the model did not return the item at all.
    pub rank: u32,
}

impl Outcome {
    /// The item was not among those the model returned: worth 0 in every metric.
    pub const MISSED: Self = Self { rank: u32::MAX };

    /// The item had `rank` (from 0) among the candidates, as [`rank_of`](crate::rank_of) counts.
    pub fn ranked(rank: usize) -> Self {
        Self { rank: u32::try_from(rank).unwrap_or(u32::MAX) }
    }
}

/// A metric of a target, which is the one relevant item among its candidates. Its mean over targets is what is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RankMetric {
    /// 1 where the rank is below 100.
    #[serde(rename = "recall@100")]
    RecallAt100,
    /// `1 / log2(rank + 2)` where the rank is below 10.
    #[serde(rename = "ndcg@10")]
    NdcgAt10,
    /// `1 / (rank + 1)`.
    #[serde(rename = "mrr")]
    Mrr,
    /// 1 where the rank is below 10.
    #[serde(rename = "hr@10")]
    HitAt10,
}

impl Metric for RankMetric {
    const ALL: &'static [Self] = &[Self::RecallAt100, Self::NdcgAt10, Self::Mrr, Self::HitAt10];

    fn name(self) -> &'static str {
        match self {
            Self::RecallAt100 => "recall@100",
            Self::NdcgAt10 => "ndcg@10",
            Self::Mrr => "mrr",
            Self::HitAt10 => "hr@10",
        }
    }

    fn definition(self) -> &'static str {
        match self {
            Self::RecallAt100 => "share of targets ranked among the first 100",
            Self::NdcgAt10 => "mean over targets of 1 / log2(rank + 1) where the rank (from 1) is at most 10, else 0",
            Self::Mrr => "mean over targets of 1 / rank (from 1), no cut; 0 where a model did not return the target",
            Self::HitAt10 => "share of targets ranked among the first 10",
        }
    }
}

impl Measured for Outcome {
    type Metric = RankMetric;

    /// In `[0, 1]`.
    fn value(self, metric: RankMetric) -> f64 {
        let rank = self.rank;
        match metric {
            RankMetric::RecallAt100 => f64::from(rank < 100),
            RankMetric::NdcgAt10 if rank < 10 => 1.0 / (f64::from(rank) + 2.0).log2(),
            RankMetric::Mrr if self != Self::MISSED => 1.0 / (f64::from(rank) + 1.0),
            RankMetric::NdcgAt10 | RankMetric::Mrr => 0.0,
            RankMetric::HitAt10 => f64::from(rank < 10),
        }
    }
}

impl fmt::Display for RankMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{hit_at_k, mrr, ndcg_at_k, recall_at_k};

    fn values(outcome: Outcome) -> [f64; 4] {
        std::array::from_fn(|i| outcome.value(RankMetric::ALL[i]))
    }

    #[test]
    fn by_hand() {
        let worth = |rank| values(Outcome { rank });
        assert_eq!(worth(0), [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(worth(2), [1.0, 0.5, 1.0 / 3.0, 1.0]);
        assert_eq!(worth(9), [1.0, 1.0 / 11f64.log2(), 0.1, 1.0]);
        assert_eq!(worth(10), [1.0, 0.0, 1.0 / 11.0, 0.0]);
        assert_eq!(worth(99), [1.0, 0.0, 0.01, 0.0]);
        assert_eq!(worth(100), [0.0, 0.0, 1.0 / 101.0, 0.0]);
        assert_eq!(values(Outcome::MISSED), [0.0; 4]);
    }

    #[test]
    fn written_as_its_name() {
        for &metric in RankMetric::ALL {
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
            assert!(!metric.definition().is_empty());
        }
        assert_eq!(format!("[{:>6}]", RankMetric::Mrr), "[   mrr]");
        assert_eq!(Outcome::ranked(usize::MAX), Outcome::MISSED);
        assert_eq!(serde_json::to_string(&Outcome::ranked(7)).unwrap(), "7");
    }

    proptest! {
        #[test]
        fn agrees_with_the_metrics_of_lists(length in 1..130usize, rank in 0..130usize) {
            prop_assume!(rank < length);
            let scores: Vec<f64> = (0..length).map(|i| -(i as f64)).collect();
            let relevant: Vec<bool> = (0..length).map(|i| i == rank).collect();
            let gains: Vec<f64> = relevant.iter().map(|r| f64::from(*r)).collect();
            let lists = [
                recall_at_k(&scores, &relevant, 100),
                ndcg_at_k(&scores, &gains, 10),
                mrr(&scores, &relevant),
                hit_at_k(&scores, &relevant, 10),
            ];
            let values = values(Outcome::ranked(rank)).map(Some);
            prop_assert_eq!(values, lists);
        }
    }
}
