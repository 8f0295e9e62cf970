//! The area under the ROC curve as a rank statistic (Hanley and McNeil 1982).

use crate::{rank_order, ranking::tie_groups};

/// `AUC = (Σ_{i positive} rank_i − P (P + 1) / 2) / (P N)`: how often a positive scores above a negative, in `[0, 1]`.
///
/// `scores` and `labels` are parallel; ranks count from the lowest score, from 1. Tied scores all take the mean of their ranks
/// (midrank), so a tied pair counts one half and the order of the input has no effect. Scores that are not a number tie with each
/// other below every number. `None` unless there is a positive and a negative.
///
/// ```
/// // Of the four pairs one is the wrong way round: 0.8 over 0.7.
/// let auc = evaluation::auc(&[0.9, 0.8, 0.7, 0.6], &[true, false, true, false]);
/// assert_eq!(auc, Some(0.75));
/// ```
pub fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    area(scores, labels, |_| 1.0)
}

/// [`auc()`] where the pair of positive `i` and negative `j` counts `w_i · w_j`: as if example `i` stood there `w_i` times.
///
/// `scores`, `labels` and `weights` are parallel. `None` also where a weight is negative or not finite, and unless the
/// positives and the negatives each have some weight.
pub fn weighted_auc(scores: &[f64], labels: &[bool], weights: &[f64]) -> Option<f64> {
    debug_assert_eq!(scores.len(), weights.len(), "one weight per score");
    if !weights.iter().all(|w| w.is_finite() && *w >= 0.0) {
        return None;
    }
    area(scores, labels, |i| weights.get(i).copied().unwrap_or(0.0))
}

/// Walks down the scores: each negative is beaten by all positive weight above it and by half of what it ties with.
///
/// This is the midrank sum without the ranks, and it takes weights. With weights of 1 every partial sum is a multiple of one half,
/// hence exact below 2^52 pairs.
fn area(scores: &[f64], labels: &[bool], weight: impl Fn(usize) -> f64) -> Option<f64> {
    debug_assert_eq!(scores.len(), labels.len(), "one label per score");
    let order = rank_order(scores);
    let (mut won, mut positive, mut negative) = (0.0, 0.0, 0.0);
    for group in tie_groups(scores, &order) {
        let (mut tied_positive, mut tied_negative) = (0.0, 0.0);
        for &i in group {
            match labels.get(i) {
                Some(true) => tied_positive += weight(i),
                Some(false) => tied_negative += weight(i),
                None => {}
            }
        }
        won += tied_negative * (positive + tied_positive / 2.0);
        positive += tied_positive;
        negative += tied_negative;
    }
    (positive > 0.0 && negative > 0.0).then(|| won / (positive * negative))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::{close, compare, lists};

    fn over_pairs(scores: &[f64], labels: &[bool], weights: &[f64]) -> Option<f64> {
        let (mut won, mut all) = (0.0, 0.0);
        for i in (0..scores.len()).filter(|i| labels[*i]) {
            for j in (0..scores.len()).filter(|j| !labels[*j]) {
                let share = match compare(scores[i], scores[j]) {
                    Ordering::Greater => 1.0,
                    Ordering::Equal => 0.5,
                    Ordering::Less => 0.0,
                };
                won += share * weights[i] * weights[j];
                all += weights[i] * weights[j];
            }
        }
        (all > 0.0).then(|| won / all)
    }

    #[test]
    fn midranks_by_hand() {
        // From the lowest: 0.3 has rank 1, the two 0.5 share 2.5. (2.5 − 1) / (1 · 2).
        assert_eq!(auc(&[0.5, 0.5, 0.3], &[true, false, false]), Some(0.75));
        // 1 → 1, the three 2 → 3, 3 → 5; positives 3 + 3 + 5 − 6 = 5 of 3 · 2.
        let labels = [true, true, false, true, false];
        assert_eq!(auc(&[3.0, 2.0, 2.0, 2.0, 1.0], &labels), Some(5.0 / 6.0));
    }

    #[test]
    fn the_ends() {
        assert_eq!(auc(&[2.0, 1.0], &[true, false]), Some(1.0));
        assert_eq!(auc(&[1.0, 2.0], &[true, false]), Some(0.0));
        assert_eq!(auc(&[1.0, 1.0, 1.0], &[true, false, false]), Some(0.5));
    }

    #[test]
    fn not_a_number_is_below_all_numbers() {
        assert_eq!(auc(&[f64::NAN, f64::NEG_INFINITY], &[true, false]), Some(0.0));
        assert_eq!(auc(&[f64::NEG_INFINITY, f64::NAN], &[true, false]), Some(1.0));
        assert_eq!(auc(&[f64::NAN, f64::NAN], &[true, false]), Some(0.5));
    }

    #[test]
    fn one_class_has_no_order() {
        assert_eq!(auc(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(auc(&[1.0, 2.0], &[false, false]), None);
        assert_eq!(auc(&[], &[]), None);
    }

    #[test]
    fn weights_by_hand() {
        // The positive of weight 2 beats the negative of weight 3 and not that of weight 1: 6 of 8.
        let (scores, labels) = ([3.0, 2.0, 1.0], [false, true, false]);
        assert_eq!(weighted_auc(&scores, &labels, &[1.0, 2.0, 3.0]), Some(0.75));
        assert_eq!(weighted_auc(&scores, &labels, &[1.0, 0.0, 3.0]), None);
        assert_eq!(weighted_auc(&scores, &labels, &[1.0, 2.0, -3.0]), None);
        assert_eq!(weighted_auc(&scores, &labels, &[1.0, f64::NAN, 3.0]), None);
        assert_eq!(weighted_auc(&scores, &labels, &[f64::INFINITY, 2.0, 3.0]), None);
    }

    proptest! {
        #[test]
        fn agrees_with_all_pairs((scores, labels) in lists()) {
            prop_assert!(close(auc(&scores, &labels), over_pairs(&scores, &labels, &vec![1.0; scores.len()])));
        }

        #[test]
        fn a_weight_is_a_number_of_copies((scores, labels) in lists(), counts in prop::collection::vec(0..4usize, 25)) {
            let counts = &counts[..scores.len()];
            let weights: Vec<f64> = counts.iter().map(|c| *c as f64).collect();
            let copies: Vec<usize> = (0..scores.len()).flat_map(|i| std::iter::repeat_n(i, counts[i])).collect();
            let copied_scores: Vec<f64> = copies.iter().map(|i| scores[*i]).collect();
            let copied_labels: Vec<bool> = copies.iter().map(|i| labels[*i]).collect();
            let weighted = weighted_auc(&scores, &labels, &weights);
            prop_assert!(close(weighted, auc(&copied_scores, &copied_labels)));
            prop_assert!(close(weighted, over_pairs(&scores, &labels, &weights)));
        }

        #[test]
        fn the_order_of_the_input_has_no_effect((mut scores, mut labels) in lists()) {
            let forward = auc(&scores, &labels);
            scores.reverse();
            labels.reverse();
            prop_assert_eq!(forward, auc(&scores, &labels));
        }
    }
}
