//! How sure an area under the ROC curve is, and the area within viewers.

use evaluation::weighted_auc;
use foryou_types::UserId;
use rustc_hash::FxHashMap;

/// The standard error of an AUC of `positives` and `negatives` examples (Hanley and McNeil 1982, eq. 1).
pub(super) fn standard_error(auc: f64, positives: u64, negatives: u64) -> f64 {
    let (p, n) = (positives as f64, negatives as f64);
    let (q1, q2) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let variance = auc * (1.0 - auc) + (p - 1.0) * (q1 - auc * auc) + (n - 1.0) * (q2 - auc * auc);
    (variance / (p * n)).max(0.0).sqrt()
}

/// The mean of the viewers' own AUCs, each counted by its examples; of viewers with examples of both kinds. `None` where fewer
/// than `least` viewers have them. Unlike the AUC of all examples together it says nothing of how active viewers are.
pub(super) fn within_viewers(
    viewers: &[UserId],
    scores: &[f64],
    labels: &[bool],
    weights: &[f64],
    least: usize,
) -> Option<f64> {
    let mut of: FxHashMap<UserId, Vec<usize>> = FxHashMap::default();
    for (i, viewer) in viewers.iter().enumerate() {
        of.entry(*viewer).or_default().push(i);
    }
    let areas: Vec<(f64, f64)> = of
        .values()
        .filter_map(|at| {
            let pick = |from: &[f64]| at.iter().map(|&i| from[i]).collect::<Vec<_>>();
            let labels: Vec<bool> = at.iter().map(|&i| labels[i]).collect();
            Some((weighted_auc(&pick(scores), &labels, &pick(weights))?, at.len() as f64))
        })
        .collect();
    let all: f64 = areas.iter().map(|(_, count)| count).sum();
    (areas.len() >= least && all > 0.0).then(|| areas.iter().map(|(area, count)| area * count).sum::<f64>() / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_shrinks_with_examples_and_is_the_published_one() {
        // Hanley and McNeil 1982, table of sample sizes: an area of .70 with 50 of each kind has an error near .053.
        assert!((standard_error(0.7, 50, 50) - 0.0527).abs() < 1e-3, "{}", standard_error(0.7, 50, 50));
        assert!(standard_error(0.7, 500, 500) < standard_error(0.7, 50, 50) / 3.0);
        assert_eq!(standard_error(1.0, 10, 10), 0.0);
    }

    #[test]
    fn a_score_that_only_knows_who_is_active_tells_nothing_within_viewers() {
        // Viewer 1 likes most, viewer 2 little; the score is the viewer's rate.
        let viewers = [1, 1, 1, 1, 2, 2, 2, 2].map(UserId);
        let labels = [true, true, true, false, true, false, false, false];
        let scores = [0.75, 0.75, 0.75, 0.75, 0.25, 0.25, 0.25, 0.25];
        let weights = [1.0; 8];
        assert_eq!(weighted_auc(&scores, &labels, &weights), Some(0.75));
        assert_eq!(within_viewers(&viewers, &scores, &labels, &weights, 2), Some(0.5));
        assert_eq!(within_viewers(&viewers, &scores, &labels, &weights, 3), None);
    }
}
