//! Hit rate at a cut.

use crate::ranking::{relevant_count, top_k};

/// `hit@k`: 1 where any of the best `k` is relevant, else 0. Its mean over queries is the hit rate, HR@k.
///
/// With one relevant item for each query it is [`recall_at_k`](crate::recall_at_k). `scores` and `relevant` are parallel. Ties:
/// [`rank_order`](crate::rank_order). `None` where nothing is relevant; 0 for `k = 0`.
pub fn hit_at_k(scores: &[f64], relevant: &[bool], k: usize) -> Option<f64> {
    relevant_count(relevant)?;
    Some(if top_k(scores, relevant, k).any(|hit| hit) { 1.0 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::{lists, relevant_ranks};

    #[test]
    fn by_hand() {
        let (scores, relevant) = ([0.1, 0.9, 0.5], [true, false, false]);
        let at: Vec<Option<f64>> = [0, 1, 2, 3, 9].iter().map(|k| hit_at_k(&scores, &relevant, *k)).collect();
        assert_eq!(at, [0.0, 0.0, 0.0, 1.0, 1.0].map(Some));
        assert_eq!(hit_at_k(&[f64::NAN, 0.0], &[true, false], 1), Some(0.0));
        assert_eq!(hit_at_k(&[0.5, 0.5], &[true, false], 1), Some(1.0));
    }

    #[test]
    fn undefined() {
        assert_eq!(hit_at_k(&[1.0], &[false], 1), None);
        assert_eq!(hit_at_k(&[], &[], 1), None);
    }

    proptest! {
        #[test]
        fn agrees_with_counting_those_ahead((scores, relevant) in lists(), k in 0..30usize) {
            let first = relevant_ranks(&scores, &relevant).into_iter().min();
            prop_assert_eq!(hit_at_k(&scores, &relevant, k), first.map(|rank| f64::from(u8::from(rank <= k))));
        }
    }
}
