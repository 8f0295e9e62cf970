//! Metrics of a ranked list whose items are relevant or not, most of them at a cut `k`.

use crate::ranking::{relevant_count, top_k};

/// `hit@k`: 1 where any of the best `k` is relevant, else 0. Its mean over queries is the hit rate, HR@k.
///
/// With one relevant item for each query it is [`recall_at_k`](crate::recall_at_k). `scores` and `relevant` are parallel. Ties:
/// [`rank_order`](crate::rank_order). `None` where nothing is relevant; 0 for `k = 0`.
pub fn hit_at_k(scores: &[f64], relevant: &[bool], k: usize) -> Option<f64> {
    relevant_count(relevant)?;
    Some(if top_k(scores, relevant, k).any(|hit| hit) { 1.0 } else { 0.0 })
}

/// `recall@k`: the share of the relevant that is among the best `k`; in `[0, 1]`.
///
/// The share is of all relevant, not of `min(k, relevant)`, so with more than `k` relevant it stays below 1 (RecBole's definition).
/// `scores` and `relevant` are parallel. Ties: [`rank_order`](crate::rank_order). `None` where nothing is relevant; 0 for `k = 0`.
pub fn recall_at_k(scores: &[f64], relevant: &[bool], k: usize) -> Option<f64> {
    let all = relevant_count(relevant)?;
    let found = top_k(scores, relevant, k).filter(|hit| *hit).count();
    Some(found as f64 / all as f64)
}

/// `precision@k`: how many of the best `k` are relevant, over `k`; in `[0, 1]`.
///
/// It is over `k` also where there are fewer candidates: a place left empty is a miss (RecBole's definition). `scores` and `relevant`
/// are parallel. Ties: [`rank_order`](crate::rank_order). `None` for `k = 0`, and where nothing is relevant, so that it is a mean
/// over the same queries as the recall.
pub fn precision_at_k(scores: &[f64], relevant: &[bool], k: usize) -> Option<f64> {
    relevant_count(relevant)?;
    (k > 0).then(|| top_k(scores, relevant, k).filter(|hit| *hit).count() as f64 / k as f64)
}

/// `AP@k = Σ_{r ≤ k, relevant at r} precision@r / min(k, relevant)`; in `[0, 1]`. Its mean over queries is the MAP@k.
///
/// The divisor is what could be found within the cut, so a perfect ranking has 1 (RecBole's definition; dividing by all relevant is
/// another one in use). `scores` and `relevant` are parallel. Ties: [`rank_order`](crate::rank_order), one rank each, unlike
/// [`pr_auc`](crate::pr_auc()). `None` for `k = 0`, and where nothing is relevant.
///
/// ```
/// // Ranked: yes, no, yes. (1/1 + 2/3) / 2
/// let ap = evaluation::map_at_k(&[0.9, 0.5, 0.1], &[true, false, true], 10);
/// assert!((ap.unwrap_or(0.0) - 5.0 / 6.0).abs() < 1e-12);
/// ```
pub fn map_at_k(scores: &[f64], relevant: &[bool], k: usize) -> Option<f64> {
    let possible = relevant_count(relevant)?.min(k);
    let mut found = 0u32;
    let mut sum = 0.0;
    for (hit, rank) in top_k(scores, relevant, k).zip(1u32..) {
        if hit {
            found += 1;
            sum += f64::from(found) / f64::from(rank);
        }
    }
    (possible > 0).then(|| sum / possible as f64)
}

/// `1 / rank` of the first relevant, ranks from 1; in `(0, 1]`. Its mean over queries is the MRR.
///
/// `scores` and `relevant` are parallel. Ties: [`rank_order`](crate::rank_order). There is no cut. `None` where nothing is relevant.
///
/// ```
/// assert_eq!(evaluation::mrr(&[0.9, 0.5, 0.1], &[false, true, true]), Some(0.5));
/// ```
pub fn mrr(scores: &[f64], relevant: &[bool]) -> Option<f64> {
    top_k(scores, relevant, usize::MAX).position(|hit| hit).map(|place| 1.0 / (place + 1) as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::{close, lists, relevant_ranks};

    #[test]
    fn hit_by_hand() {
        let (scores, relevant) = ([0.1, 0.9, 0.5], [true, false, false]);
        let at: Vec<Option<f64>> = [0, 1, 2, 3, 9].iter().map(|k| hit_at_k(&scores, &relevant, *k)).collect();
        assert_eq!(at, [0.0, 0.0, 0.0, 1.0, 1.0].map(Some));
        assert_eq!(hit_at_k(&[f64::NAN, 0.0], &[true, false], 1), Some(0.0));
        assert_eq!(hit_at_k(&[0.5, 0.5], &[true, false], 1), Some(1.0));
    }

    #[test]
    fn recall_by_hand() {
        // Ranked: yes, no, yes, yes, no.
        let (scores, relevant) = ([5.0, 4.0, 3.0, 2.0, 1.0], [true, false, true, true, false]);
        let at: Vec<Option<f64>> = [0, 1, 2, 3, 4, 99].iter().map(|k| recall_at_k(&scores, &relevant, *k)).collect();
        let third = 1.0 / 3.0;
        assert_eq!(at, [0.0, third, third, 2.0 * third, 1.0, 1.0].map(Some));
        assert_eq!(recall_at_k(&[f64::NAN, 0.0], &[true, false], 1), Some(0.0));
        assert_eq!(recall_at_k(&[0.5, 0.5], &[false, true], 1), Some(0.0));
    }

    #[test]
    fn precision_by_hand() {
        // Ranked: yes, no, yes, yes, no.
        let (scores, relevant) = ([5.0, 4.0, 3.0, 2.0, 1.0], [true, false, true, true, false]);
        let at: Vec<Option<f64>> = [1, 2, 4, 5, 10].iter().map(|k| precision_at_k(&scores, &relevant, *k)).collect();
        assert_eq!(at, [1.0, 0.5, 0.75, 0.6, 0.3].map(Some));
        assert_eq!(precision_at_k(&[f64::NAN, 0.0], &[true, false], 1), Some(0.0));
        assert_eq!(precision_at_k(&[0.5, 0.5], &[false, true], 1), Some(0.0));
    }

    #[test]
    fn map_by_hand() {
        // Ranked: yes, no, yes, yes, no; precision at the hits is 1, 2/3, 3/4.
        let (scores, relevant) = ([5.0, 4.0, 3.0, 2.0, 1.0], [true, false, true, true, false]);
        let at = |k| map_at_k(&scores, &relevant, k);
        assert!(close(at(1), Some(1.0)));
        assert!(close(at(2), Some(1.0 / 2.0)));
        assert!(close(at(3), Some((1.0 + 2.0 / 3.0) / 3.0)));
        assert!(close(at(5), Some((1.0 + 2.0 / 3.0 + 0.75) / 3.0)));
        assert!(close(at(50), at(5)));
        assert_eq!(map_at_k(&[f64::NAN, 0.0], &[true, false], 2), Some(0.5));
        assert_eq!(map_at_k(&[0.5, 0.5], &[false, true], 2), Some(0.5));
    }

    #[test]
    fn mrr_by_hand() {
        assert_eq!(mrr(&[0.1, 0.2, 0.3], &[true, false, false]), Some(1.0 / 3.0));
        assert_eq!(mrr(&[0.1, 0.2, 0.3], &[true, false, true]), Some(1.0));
        // A tie keeps the order of the input.
        assert_eq!(mrr(&[0.5, 0.5], &[false, true]), Some(0.5));
        assert_eq!(mrr(&[f64::NAN, 0.0, 1.0], &[true, false, false]), Some(1.0 / 3.0));
    }

    #[test]
    fn a_list_without_anything_relevant_has_no_value() {
        assert_eq!(hit_at_k(&[1.0], &[false], 1), None);
        assert_eq!(hit_at_k(&[], &[], 1), None);
        assert_eq!(recall_at_k(&[1.0], &[false], 1), None);
        assert_eq!(recall_at_k(&[], &[], 1), None);
        assert_eq!(precision_at_k(&[1.0], &[false], 1), None);
        assert_eq!(precision_at_k(&[1.0], &[true], 0), None);
        assert_eq!(precision_at_k(&[], &[], 1), None);
        assert_eq!(map_at_k(&[1.0], &[false], 1), None);
        assert_eq!(map_at_k(&[1.0], &[true], 0), None);
        assert_eq!(map_at_k(&[], &[], 1), None);
        assert_eq!(mrr(&[1.0], &[false]), None);
        assert_eq!(mrr(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn hit_agrees_with_counting_those_ahead((scores, relevant) in lists(), k in 0..30usize) {
            let first = relevant_ranks(&scores, &relevant).into_iter().min();
            prop_assert_eq!(hit_at_k(&scores, &relevant, k), first.map(|rank| f64::from(u8::from(rank <= k))));
        }

        #[test]
        fn recall_agrees_with_counting_those_ahead((scores, relevant) in lists(), k in 0..30usize) {
            let ranks = relevant_ranks(&scores, &relevant);
            let found = ranks.iter().filter(|rank| **rank <= k).count();
            let expected = (!ranks.is_empty()).then(|| found as f64 / ranks.len() as f64);
            prop_assert!(close(recall_at_k(&scores, &relevant, k), expected));
        }

        #[test]
        fn precision_agrees_with_counting_those_ahead((scores, relevant) in lists(), k in 0..30usize) {
            let ranks = relevant_ranks(&scores, &relevant);
            let found = ranks.iter().filter(|rank| **rank <= k).count();
            let expected = (!ranks.is_empty() && k > 0).then(|| found as f64 / k as f64);
            prop_assert!(close(precision_at_k(&scores, &relevant, k), expected));
        }

        #[test]
        fn map_agrees_with_precision_at_every_hit((scores, relevant) in lists(), k in 0..30usize) {
            let ranks = relevant_ranks(&scores, &relevant);
            let precision = |r: usize| ranks.iter().filter(|rank| **rank <= r).count() as f64 / r as f64;
            let sum: f64 = ranks.iter().filter(|rank| **rank <= k).map(|rank| precision(*rank)).sum();
            let possible = ranks.len().min(k);
            let expected = (possible > 0).then(|| sum / possible as f64);
            prop_assert!(close(map_at_k(&scores, &relevant, k), expected));
        }

        #[test]
        fn mrr_agrees_with_counting_those_ahead((scores, relevant) in lists()) {
            let first = relevant_ranks(&scores, &relevant).into_iter().min();
            prop_assert!(close(mrr(&scores, &relevant), first.map(|rank| 1.0 / rank as f64)));
        }
    }
}
