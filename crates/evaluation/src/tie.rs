//! An order of equal scores that favours nobody.

use std::cmp::Ordering;

use foryou_types::mix;

/// The order of items with the same score: random, but the same in every run.
///
/// Counts tie often, and whatever decides then (the smaller id, the older post, the place in a list) may itself tell a target from
/// the others: in a log without impressions the post acted on is often listed first. Here each query draws an order of its own, a
/// hash of (seed, query, item), and a model that scores everything alike has the mean rank of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TieOrder {
    seed: u64,
}

impl TieOrder {
    /// The order that a seed fixes.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The place of `item` among equal scores of `query`: the smaller key is ahead. Different items have different keys.
    pub fn key(&self, query: u64, item: u64) -> u64 {
        mix(mix(mix(self.seed) ^ query) ^ item)
    }

    /// The entry of a protocol.
    pub fn definition(&self) -> String {
        format!("equal scores by a hash of (seed {}, query, item)", self.seed)
    }
}

/// The higher score first, not a number last.
fn by_score(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The rank of `items[target]` from 0: how many are ahead of it, by score descending, not a number last, ties by `ties`.
///
/// `items` and `scores` are parallel. An item that is listed twice stands in the order of the list. O(n), nothing is sorted. A
/// `target` outside the list ranks behind all of it.
///
/// ```
/// use evaluation::{TieOrder, rank_of};
///
/// assert_eq!(rank_of(2, &[7, 8, 9], &[0.9, 0.1, 0.5], TieOrder::new(1), 0), 1);
/// ```
pub fn rank_of(target: usize, items: &[u64], scores: &[f64], ties: TieOrder, query: u64) -> usize {
    debug_assert_eq!(items.len(), scores.len(), "one score per item");
    let (Some(item), Some(score)) = (items.get(target), scores.get(target)) else { return items.len() };
    let place = (ties.key(query, *item), target);
    let ahead = |(i, (other, other_score)): &(usize, (&u64, &f64))| match by_score(**other_score, *score) {
        Ordering::Less => true,
        Ordering::Equal => (ties.key(query, **other), *i) < place,
        Ordering::Greater => false,
    };
    items.iter().zip(scores).enumerate().filter(ahead).count()
}

/// The positions of `scores` from best to worst in the order of [`rank_of`].
pub fn rank_order_by(items: &[u64], scores: &[f64], ties: TieOrder, query: u64) -> Vec<usize> {
    debug_assert_eq!(items.len(), scores.len(), "one score per item");
    let mut order: Vec<(usize, f64, u64)> =
        items.iter().zip(scores).enumerate().map(|(i, (item, score))| (i, *score, ties.key(query, *item))).collect();
    order.sort_unstable_by(|a, b| by_score(a.1, b.1).then(a.2.cmp(&b.2)).then(a.0.cmp(&b.0)));
    order.into_iter().map(|(i, ..)| i).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive;

    #[test]
    fn keys_are_fixed() {
        // Computed apart, in Python: a change of them would change every report.
        assert_eq!(TieOrder::new(0).key(0, 0), 2558736989570252433);
        assert_eq!(TieOrder::new(7).key(1, u64::MAX), 7528683550717403091);
        let keys = |seed, query| (0..1_000).map(move |item| TieOrder::new(seed).key(query, item));
        assert_eq!(keys(1, 2).collect::<BTreeSet<_>>().len(), 1_000);
        assert!(keys(1, 2).zip(keys(2, 1)).all(|(a, b)| a != b), "seed and query do not stand for each other");
    }

    #[test]
    fn among_ties_every_place_is_as_likely() {
        // 40 equal scores: a uniform rank has the mean 19.5 and the variance (40² − 1) / 12 = 133.25.
        let (items, scores): (Vec<u64>, Vec<f64>) = ((1_000..1_040).collect(), vec![0.0; 40]);
        for target in [0, 20, 39] {
            let ranks: Vec<f64> =
                (0..4_000).map(|query| rank_of(target, &items, &scores, TieOrder::new(3), query) as f64).collect();
            let mean = ranks.iter().sum::<f64>() / 4_000.0;
            let variance = ranks.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 4_000.0;
            // Four standard errors of the mean: 4 · sqrt(133.25 / 4000) = 0.73.
            assert!((mean - 19.5).abs() < 0.73, "target {target}: mean {mean}");
            assert!((variance - 133.25).abs() < 10.0, "target {target}: variance {variance}");
        }
    }

    #[test]
    fn of_two_ties_each_is_ahead_half_the_time() {
        // Neighbouring ids and neighbouring queries, as logs have them. Four standard errors of a share of 10,000: 0.02.
        for seed in 0..5 {
            let first = |query: &u64| rank_of(0, &[10, 11], &[1.0, 1.0], TieOrder::new(seed), *query) == 0;
            let share = (0..10_000).filter(first).count() as f64 / 10_000.0;
            assert!((share - 0.5).abs() < 0.02, "seed {seed}: {share}");
        }
    }

    #[test]
    fn not_a_number_is_last_and_a_target_elsewhere_behind_all() {
        let scores = [f64::NAN, f64::NEG_INFINITY, 0.0];
        let ranks = [0, 1, 2, 3].map(|target| rank_of(target, &[1, 2, 3], &scores, TieOrder::new(9), 4));
        assert_eq!(ranks, [2, 1, 0, 3]);
        assert_eq!(rank_of(0, &[], &[], TieOrder::new(9), 4), 0);
    }

    proptest! {
        #[test]
        fn the_rank_is_the_place_after_sorting(
            (scores, _) in naive::lists(),
            ids in prop::collection::vec(0..30u64, 25),
            (seed, query) in any::<(u64, u64)>(),
        ) {
            let (items, ties) = (&ids[..scores.len()], TieOrder::new(seed));
            let order = rank_order_by(items, &scores, ties, query);
            prop_assert_eq!(order.iter().copied().collect::<BTreeSet<_>>().len(), scores.len());
            for (rank, target) in order.iter().enumerate() {
                prop_assert_eq!(rank_of(*target, items, &scores, ties, query), rank);
            }
            let falls = |w: &[usize]| naive::compare(scores[w[0]], scores[w[1]]) != Ordering::Less;
            prop_assert!(order.windows(2).all(falls));
        }

        #[test]
        fn the_order_of_the_list_has_no_effect(
            rows in prop::collection::btree_map(any::<u64>(), 0..3i32, 1..25),
            query in any::<u64>(),
        ) {
            let (items, scores): (Vec<u64>, Vec<f64>) = rows.into_iter().map(|(i, s)| (i, f64::from(s))).unzip();
            let (back_items, back_scores): (Vec<u64>, Vec<f64>) =
                items.iter().copied().zip(scores.iter().copied()).rev().unzip();
            for target in 0..items.len() {
                let back = items.len() - 1 - target;
                prop_assert_eq!(
                    rank_of(target, &items, &scores, TieOrder::new(5), query),
                    rank_of(back, &back_items, &back_scores, TieOrder::new(5), query)
                );
            }
        }
    }
}
