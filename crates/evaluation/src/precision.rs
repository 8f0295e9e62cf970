//! Precision at a cut.

use crate::ranking::{relevant_count, top_k};

/// `precision@k`: how many of the best `k` are relevant, over `k`; in `[0, 1]`.
///
/// It is over `k` also where there are fewer candidates: a place left empty is a miss (RecBole's definition). `scores` and `relevant`
/// are parallel. Ties: [`rank_order`](crate::rank_order). `None` for `k = 0`, and where nothing is relevant, so that it is a mean
/// over the same queries as the recall.
pub fn precision_at_k(scores: &[f64], relevant: &[bool], k: usize) -> Option<f64> {
    relevant_count(relevant)?;
    (k > 0).then(|| top_k(scores, relevant, k).filter(|hit| *hit).count() as f64 / k as f64)
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
        let at: Vec<Option<f64>> = [1, 2, 4, 5, 10].iter().map(|k| precision_at_k(&scores, &relevant, *k)).collect();
        assert_eq!(at, [1.0, 0.5, 0.75, 0.6, 0.3].map(Some));
        assert_eq!(precision_at_k(&[f64::NAN, 0.0], &[true, false], 1), Some(0.0));
        assert_eq!(precision_at_k(&[0.5, 0.5], &[false, true], 1), Some(0.0));
    }

    #[test]
    fn undefined() {
        assert_eq!(precision_at_k(&[1.0], &[false], 1), None);
        assert_eq!(precision_at_k(&[1.0], &[true], 0), None);
        assert_eq!(precision_at_k(&[], &[], 1), None);
    }

    proptest! {
        #[test]
        fn agrees_with_counting_those_ahead((scores, relevant) in lists(), k in 0..30usize) {
            let ranks = relevant_ranks(&scores, &relevant);
            let found = ranks.iter().filter(|rank| **rank <= k).count();
            let expected = (!ranks.is_empty() && k > 0).then(|| found as f64 / k as f64);
            prop_assert!(close(precision_at_k(&scores, &relevant, k), expected));
        }
    }
}
