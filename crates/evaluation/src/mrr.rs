//! Reciprocal rank (Voorhees 1999).

use crate::ranking::top_k;

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
    fn by_hand() {
        assert_eq!(mrr(&[0.1, 0.2, 0.3], &[true, false, false]), Some(1.0 / 3.0));
        assert_eq!(mrr(&[0.1, 0.2, 0.3], &[true, false, true]), Some(1.0));
        // A tie keeps the order of the input.
        assert_eq!(mrr(&[0.5, 0.5], &[false, true]), Some(0.5));
        assert_eq!(mrr(&[f64::NAN, 0.0, 1.0], &[true, false, false]), Some(1.0 / 3.0));
    }

    #[test]
    fn undefined() {
        assert_eq!(mrr(&[1.0], &[false]), None);
        assert_eq!(mrr(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn agrees_with_counting_those_ahead((scores, relevant) in lists()) {
            let first = relevant_ranks(&scores, &relevant).into_iter().min();
            prop_assert!(close(mrr(&scores, &relevant), first.map(|rank| 1.0 / rank as f64)));
        }
    }
}
