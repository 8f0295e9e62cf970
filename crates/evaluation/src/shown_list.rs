//! Metrics of a list that was shown and partly clicked, by the usual definitions of news recommendation.

use serde::{Deserialize, Serialize};

use crate::{Measured, Metric, TieOrder, auc, dcg_at_k, rank_order_by};

/// What one shown list gives: AUC, MRR, NDCG@5 and NDCG@10 as MIND defines them (Wu et al., "MIND: A Large-scale Dataset for News
/// Recommendation", ACL 2020, and its scorer). A report has the mean of each over the lists.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownListMetrics {
    /// How often a clicked item scores above one that was not, a tie one half.
    pub auc: f64,
    /// The mean of `1 / rank` over all clicked (not only the first, as the usual reciprocal rank has it), ranks from 1.
    pub mrr: f64,
    /// NDCG of the first 5 with gain 1 for a click.
    pub ndcg_at_5: f64,
    /// NDCG of the first 10 with gain 1 for a click.
    pub ndcg_at_10: f64,
}

/// One of [`ShownListMetrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownListMetric {
    /// See [`ShownListMetrics::auc`].
    Auc,
    /// See [`ShownListMetrics::mrr`].
    Mrr,
    /// See [`ShownListMetrics::ndcg_at_5`].
    NdcgAt5,
    /// See [`ShownListMetrics::ndcg_at_10`].
    NdcgAt10,
}

impl Metric for ShownListMetric {
    const ALL: &'static [Self] = &[Self::Auc, Self::Mrr, Self::NdcgAt5, Self::NdcgAt10];

    fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::Mrr => "mrr",
            Self::NdcgAt5 => "ndcg@5",
            Self::NdcgAt10 => "ndcg@10",
        }
    }

    fn definition(self) -> &'static str {
        match self {
            Self::Auc => {
                "per list, the share of (clicked, not clicked) pairs in the right order, ties 1/2; mean over lists"
            }
            Self::Mrr => "per list, the mean of 1 / rank over its clicked items, ranks from 1; mean over lists",
            Self::NdcgAt5 => {
                "per list, DCG of its first 5 (gain 1 for a click) over the highest possible; mean over lists"
            }
            Self::NdcgAt10 => {
                "per list, DCG of its first 10 (gain 1 for a click) over the highest possible; mean over lists"
            }
        }
    }
}

impl Measured for ShownListMetrics {
    type Metric = ShownListMetric;

    fn value(self, metric: ShownListMetric) -> f64 {
        match metric {
            ShownListMetric::Auc => self.auc,
            ShownListMetric::Mrr => self.mrr,
            ShownListMetric::NdcgAt5 => self.ndcg_at_5,
            ShownListMetric::NdcgAt10 => self.ndcg_at_10,
        }
    }
}

/// The metrics of one list; `scores`, `clicked` and `items` are parallel.
///
/// Ties: one half in the AUC, the order of `ties` for `query` in the rest; a score that is not a number is below all others. `None`
/// where no item was clicked, or every one: the AUC has no value then, and all four must be means over the same lists.
///
/// ```
/// use evaluation::{TieOrder, shown_list};
///
/// // Ranked 7, 9, 8, and 9 was clicked: second of three.
/// let metrics = shown_list(&[0.9, 0.1, 0.5], &[false, false, true], &[7, 8, 9], TieOrder::new(1), 0);
/// assert_eq!(metrics.map(|m| (m.auc, m.mrr)), Some((0.5, 0.5)));
/// ```
pub fn shown_list(
    scores: &[f64],
    clicked: &[bool],
    items: &[u64],
    ties: TieOrder,
    query: u64,
) -> Option<ShownListMetrics> {
    let auc = auc(scores, clicked)?;
    let order = rank_order_by(items, scores, ties, query);
    let gains: Vec<f64> = order.iter().map(|i| f64::from(clicked.get(*i).is_some_and(|c| *c))).collect();
    let clicks = gains.iter().filter(|gain| **gain > 0.0).count();
    let reciprocal_ranks: f64 = gains.iter().zip(1u32..).map(|(gain, rank)| gain / f64::from(rank)).sum();
    let ndcg = |k| dcg_at_k(gains.iter().copied(), k) / dcg_at_k(std::iter::repeat_n(1.0, clicks), k);
    Some(ShownListMetrics { auc, mrr: reciprocal_ranks / clicks as f64, ndcg_at_5: ndcg(5), ndcg_at_10: ndcg(10) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::{close, lists};
    use crate::{mean, ndcg_at_k, rank_of};

    const TIES: TieOrder = TieOrder::new(7);

    fn check(metrics: Option<ShownListMetrics>, expected: [f64; 4]) {
        let metrics = metrics.unwrap();
        let values: Vec<f64> = ShownListMetric::ALL.iter().map(|metric| metrics.value(*metric)).collect();
        assert!(values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{values:?} is not {expected:?}");
    }

    #[test]
    fn two_lists_by_hand() {
        // First list, best first: no CLICK no CLICK no (ranks 2 and 4 of 5).
        //   AUC      pairs won: the click at 2 beats 2 of 3, the click at 4 beats 1 of 3: 3 / 6 = .5
        //   MRR      (1/2 + 1/4) / 2 = .375
        //   DCG      1/log2 3 + 1/log2 5 = .630929754 + .430676558 = 1.061606312; ideal 1 + 1/log2 3 = 1.630929754
        //   NDCG@5   .650920929, and NDCG@10 the same: there are only five
        let first =
            shown_list(&[0.9, 0.3, 0.8, 0.5, 0.1], &[false, true, true, false, false], &[1, 2, 3, 4, 5], TIES, 0);
        check(first, [0.5, 0.375, 0.650_920_929, 0.650_920_929]);
        // Second list, best first: seven of eight not clicked, the CLICK at rank 7.
        //   AUC      it beats one of seven: 1/7 = .142857143
        //   MRR      1/7
        //   NDCG@5   0: it is not among the first five
        //   NDCG@10  1/log2 8 = 1/3
        let scores = [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        let clicked = [false, false, false, false, false, false, true, false];
        let second = shown_list(&scores, &clicked, &[11, 12, 13, 14, 15, 16, 17, 18], TIES, 1);
        check(second, [1.0 / 7.0, 1.0 / 7.0, 0.0, 1.0 / 3.0]);
        // The numbers of a report: the means over both.
        let mrr = mean(&[first.unwrap().mrr, second.unwrap().mrr]).unwrap();
        assert!((mrr - 0.258_928_571).abs() < 1e-9);
    }

    #[test]
    fn more_clicks_than_places() {
        // Six clicks on top of seven: the ideal of five places has five clicks.
        let scores = [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        let clicked = [true, true, true, true, true, true, false];
        let perfect = shown_list(&scores, &clicked, &[1, 2, 3, 4, 5, 6, 7], TIES, 0);
        check(perfect, [1.0, (1.0 + 0.5 + 1.0 / 3.0 + 0.25 + 0.2 + 1.0 / 6.0) / 6.0, 1.0, 1.0]);
    }

    #[test]
    fn lists_that_say_nothing() {
        assert_eq!(shown_list(&[1.0, 2.0], &[false, false], &[1, 2], TIES, 0), None);
        assert_eq!(shown_list(&[1.0, 2.0], &[true, true], &[1, 2], TIES, 0), None);
        assert_eq!(shown_list(&[], &[], &[], TIES, 0), None);
    }

    #[test]
    fn a_constant_score_is_worth_chance() {
        // One click among ten: AUC 1/2; the mean of 1/rank is H(10) / 10 = .2928968, whichever place the click has in the list.
        let (items, scores): (Vec<u64>, Vec<f64>) = ((0..10).collect(), vec![0.5; 10]);
        for place in [0, 9] {
            let clicked: Vec<bool> = (0..10).map(|i| i == place).collect();
            let lists = (0..4_000).map(|query| shown_list(&scores, &clicked, &items, TIES, query).unwrap());
            let mrr = mean(&lists.map(|m| m.mrr).collect::<Vec<_>>()).unwrap();
            // The standard deviation of 1/rank is .264: four standard errors are .0167.
            assert!((mrr - 0.292_896_8).abs() < 0.0167, "{mrr}");
            assert_eq!(shown_list(&scores, &clicked, &items, TIES, 0).unwrap().auc, 0.5);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_ranks_and_the_graded_ndcg((scores, clicked) in lists(), query in any::<u64>()) {
            let items: Vec<u64> = (0..scores.len() as u64).map(|i| i * 31).collect();
            let (clicks, all) = (clicked.iter().filter(|c| **c).count(), clicked.len());
            let metrics = shown_list(&scores, &clicked, &items, TIES, query);
            prop_assert_eq!(metrics.is_some(), clicks > 0 && clicks < all);
            if let Some(metrics) = metrics {
                let ranks: Vec<f64> =
                    (0..all).map(|i| rank_of(i, &items, &scores, TIES, query) as f64).collect();
                let reciprocal: Vec<f64> = (0..all).filter(|i| clicked[*i]).map(|i| 1.0 / (ranks[i] + 1.0)).collect();
                prop_assert!(close(Some(metrics.mrr), mean(&reciprocal)));
                // Scores without ties that give the same ranks.
                let untied: Vec<f64> = ranks.iter().map(|rank| -rank).collect();
                let gains: Vec<f64> = clicked.iter().map(|c| f64::from(*c)).collect();
                prop_assert!(close(Some(metrics.ndcg_at_5), ndcg_at_k(&untied, &gains, 5)));
                prop_assert!(close(Some(metrics.ndcg_at_10), ndcg_at_k(&untied, &gains, 10)));
            }
        }
    }
}
