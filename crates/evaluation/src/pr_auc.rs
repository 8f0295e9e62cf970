//! The area under the precision-recall curve as average precision.

use crate::{
    rank_order,
    ranking::{relevant_count, tie_groups},
};

/// `PR-AUC = Σ_t (R_t − R_{t−1}) P_t` over the distinct scores as thresholds from the highest; in `(0, 1]`.
///
/// `P_t` and `R_t` are precision and recall of calling positive all that scores at least `t` (steps, no interpolation, which would
/// be too kind: Davis and Goadrich 2006). `scores` and `labels` are parallel. Tied scores cross the threshold together, so the order
/// of the input has no effect, and a constant score has the base rate. Scores that are not a number tie below every number. `None`
/// without a positive.
///
/// ```
/// // Recall rises by one half at precision 1 / 1 and again at 2 / 3.
/// let area = evaluation::pr_auc(&[0.9, 0.8, 0.7, 0.6], &[true, false, true, false]);
/// assert!((area.unwrap_or(0.0) - 5.0 / 6.0).abs() < 1e-12);
/// ```
pub fn pr_auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    debug_assert_eq!(scores.len(), labels.len(), "one label per score");
    let all = relevant_count(labels)?;
    let order = rank_order(scores);
    let (mut seen, mut found, mut area) = (0, 0, 0.0);
    for group in tie_groups(scores, &order) {
        let positive = group.iter().filter(|i| labels.get(**i) == Some(&true)).count();
        seen += group.len();
        found += positive;
        area += positive as f64 * found as f64 / seen as f64;
    }
    Some(area / all as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::{close, compare, lists};

    /// The mean over positives of the precision among all that score at least as high.
    fn over_positives(scores: &[f64], labels: &[bool]) -> Option<f64> {
        let precisions: Vec<f64> = (0..scores.len())
            .filter(|i| labels[*i])
            .map(|i| {
                let above: Vec<usize> = (0..scores.len()).filter(|j| compare(scores[*j], scores[i]).is_ge()).collect();
                above.iter().filter(|j| labels[**j]).count() as f64 / above.len() as f64
            })
            .collect();
        crate::mean(&precisions)
    }

    #[test]
    fn steps_by_hand() {
        // The best is negative, then one positive and one negative cross together: 1 · 1/3.
        assert!(close(pr_auc(&[0.9, 0.5, 0.5], &[false, true, false]), Some(1.0 / 3.0)));
        // 1/3 · 1/1 + 2/3 · 3/4: a tie of two positives and a negative after a positive.
        assert!(close(pr_auc(&[9.0, 5.0, 5.0, 5.0, 1.0], &[true, true, false, true, false]), Some(5.0 / 6.0)));
    }

    #[test]
    fn a_constant_has_the_base_rate() {
        assert_eq!(pr_auc(&[1.0; 4], &[true, false, false, false]), Some(0.25));
        assert_eq!(pr_auc(&[f64::NAN; 4], &[false, false, false, true]), Some(0.25));
    }

    #[test]
    fn not_a_number_comes_last() {
        assert_eq!(pr_auc(&[f64::NAN, 0.0], &[true, false]), Some(0.5));
        assert_eq!(pr_auc(&[f64::NAN, f64::NEG_INFINITY], &[false, true]), Some(1.0));
    }

    #[test]
    fn the_ends() {
        assert_eq!(pr_auc(&[1.0, 2.0], &[true, true]), Some(1.0));
        assert_eq!(pr_auc(&[1.0, 2.0], &[false, false]), None);
        assert_eq!(pr_auc(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn agrees_with_precision_at_every_positive((scores, labels) in lists()) {
            prop_assert!(close(pr_auc(&scores, &labels), over_positives(&scores, &labels)));
        }
    }
}
