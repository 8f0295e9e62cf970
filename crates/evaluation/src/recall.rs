//! Recall at a cut.

use crate::ranking::{relevant_count, top_k};

/// `recall@k`: the share of the relevant that is among the best `k`; in `[0, 1]`.
///
/// The share is of all relevant, not of `min(k, relevant)`, so with more than `k` relevant it stays below 1 (RecBole's definition).
/// `scores` and `relevant` are parallel. Ties: [`rank_order`](crate::rank_order). `None` where nothing is relevant; 0 for `k = 0`.
pub fn recall_at_k(scores: &[f64], relevant: &[bool], k: usize) -> Option<f64> {
    let all = relevant_count(relevant)?;
    let found = top_k(scores, relevant, k).filter(|hit| *hit).count();
    Some(found as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::{close, lists, relevant_ranks};

    #[test]
    fn by_hand() {
        // Ranked: yes, no, yes, yes, no.
        let (scores, relevant) = ([5.0, 4.0, 3.0, 2.0, 1.0], [true, false, true, true, false]);
        let at: Vec<Option<f64>> = [0, 1, 2, 3, 4, 99].iter().map(|k| recall_at_k(&scores, &relevant, *k)).collect();
        let third = 1.0 / 3.0;
        assert_eq!(at, [0.0, third, third, 2.0 * third, 1.0, 1.0].map(Some));
        assert_eq!(recall_at_k(&[f64::NAN, 0.0], &[true, false], 1), Some(0.0));
        assert_eq!(recall_at_k(&[0.5, 0.5], &[false, true], 1), Some(0.0));
    }

    #[test]
    fn undefined() {
        assert_eq!(recall_at_k(&[1.0], &[false], 1), None);
        assert_eq!(recall_at_k(&[], &[], 1), None);
    }

    proptest! {
        #[test]
        fn agrees_with_counting_those_ahead((scores, relevant) in lists(), k in 0..30usize) {
            let ranks = relevant_ranks(&scores, &relevant);
            let found = ranks.iter().filter(|rank| **rank <= k).count();
            let expected = (!ranks.is_empty()).then(|| found as f64 / ranks.len() as f64);
            prop_assert!(close(recall_at_k(&scores, &relevant, k), expected));
        }
    }
}
