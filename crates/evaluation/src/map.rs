//! Average precision at a cut.

use crate::ranking::{relevant_count, top_k};

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::{close, lists, relevant_ranks};

    #[test]
    fn by_hand() {
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
    fn undefined() {
        assert_eq!(map_at_k(&[1.0], &[false], 1), None);
        assert_eq!(map_at_k(&[1.0], &[true], 0), None);
        assert_eq!(map_at_k(&[], &[], 1), None);
    }

    proptest! {
        #[test]
        fn agrees_with_precision_at_every_hit((scores, relevant) in lists(), k in 0..30usize) {
            let ranks = relevant_ranks(&scores, &relevant);
            let precision = |r: usize| ranks.iter().filter(|rank| **rank <= r).count() as f64 / r as f64;
            let sum: f64 = ranks.iter().filter(|rank| **rank <= k).map(|rank| precision(*rank)).sum();
            let possible = ranks.len().min(k);
            let expected = (possible > 0).then(|| sum / possible as f64);
            prop_assert!(close(map_at_k(&scores, &relevant, k), expected));
        }
    }
}
