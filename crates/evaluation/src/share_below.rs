//! The AUC of one target among its candidates.

use std::cmp::Ordering;

/// The share of `others` whose score is below `target`, a tie one half; in `[0, 1]`.
///
/// This is the [`auc()`](crate::auc()) of a list with one positive: for a target on which an action was taken, `target` is that
/// head's probability of it and `others` are its probabilities of the other candidates. The mean over an action's targets is the
/// per-action AUC of a stream: it compares within one moment and one user only, unlike an AUC over pooled examples. Scores that
/// are not a number tie with each other below every number. `None` without others.
///
/// ```
/// assert_eq!(evaluation::share_below(0.3, [0.1, 0.3, 0.4, 0.2].into_iter()), Some(0.625));
/// ```
pub fn share_below(target: f64, others: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut won, mut all) = (0.0, 0u64);
    for other in others {
        won += match target.partial_cmp(&other).unwrap_or_else(|| other.is_nan().cmp(&target.is_nan())) {
            Ordering::Greater => 1.0,
            Ordering::Equal => 0.5,
            Ordering::Less => 0.0,
        };
        all += 1;
    }
    (all > 0).then(|| won / all as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auc;
    use crate::ranking::naive::{close, lists};

    #[test]
    fn not_a_number_is_below_all_numbers() {
        let others = [f64::NAN, f64::NEG_INFINITY];
        assert_eq!(share_below(f64::NAN, others.into_iter()), Some(0.25));
        assert_eq!(share_below(f64::NEG_INFINITY, others.into_iter()), Some(0.75));
        assert_eq!(share_below(1.0, std::iter::empty()), None);
    }

    proptest! {
        #[test]
        fn is_the_auc_of_one_positive((scores, _) in lists()) {
            prop_assume!(!scores.is_empty());
            let labels: Vec<bool> = (0..scores.len()).map(|i| i == 0).collect();
            prop_assert!(close(share_below(scores[0], scores[1..].iter().copied()), auc(&scores, &labels)));
        }
    }
}
