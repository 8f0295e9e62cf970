//! Metrics for sets that record no impressions: sampled negatives stand for many posts, and ties count as the mean over their orders.

use evaluation::{dcg_at_k, rank_order};

/// `Σ w p / Σ w y`, see [`evaluation::calibration()`]: as if example `i` stood there `w_i` times.
///
/// The three lists are parallel. `None` unless the positives have some weight, where a weight is negative or not finite, and where a
/// probability is outside `[0, 1]`.
pub(crate) fn calibration(probabilities: &[f64], labels: &[bool], weights: &[f64]) -> Option<f64> {
    let (positive, _) = totals(probabilities, labels, weights)?;
    let predicted: f64 = probabilities.iter().zip(weights).map(|(p, w)| p * w).sum();
    (positive > 0.0).then(|| predicted / positive)
}

/// The weighted log loss over that of always predicting the weighted share of positives, see [`evaluation::normalised_entropy()`].
///
/// The three lists are parallel. `None` as for [`calibration`], and unless the negatives have some weight too.
pub(crate) fn normalised_entropy(probabilities: &[f64], labels: &[bool], weights: &[f64]) -> Option<f64> {
    let (positive, all) = totals(probabilities, labels, weights)?;
    let base = positive / all;
    if !(base > 0.0 && base < 1.0) {
        return None;
    }
    let loss = |((p, label), w): ((&f64, &bool), &f64)| {
        let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        -w * if *label { p.ln() } else { (-p).ln_1p() }
    };
    let loss = probabilities.iter().zip(labels).zip(weights).map(loss).sum::<f64>() / all;
    Some(loss / -(base * base.ln() + (1.0 - base) * (-base).ln_1p()))
}

/// The weight of the positives, and of all.
fn totals(probabilities: &[f64], labels: &[bool], weights: &[f64]) -> Option<(f64, f64)> {
    let valid =
        probabilities.iter().all(|p| (0.0..=1.0).contains(p)) && weights.iter().all(|w| w.is_finite() && *w >= 0.0);
    let positive = labels.iter().zip(weights).filter(|(label, _)| **label).map(|(_, w)| w).sum();
    valid.then(|| (positive, weights.iter().sum()))
}

/// NDCG@k, see [`evaluation::ndcg_at_k`], as its mean over all orders of the items whose scores tie (McSherry and Najork 2008): each
/// of them has the mean of their gains.
///
/// `scores` and `gains` are parallel. Scores that are not a number tie with each other, last. `None` where no gain is positive.
pub(crate) fn ndcg_over_ties(scores: &[f64], gains: &[f64], k: usize) -> Option<f64> {
    let mut ideal = gains.to_vec();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = dcg_at_k(ideal, k);
    let order = rank_order(scores);
    let ties = order.chunk_by(|&a, &b| scores[a] == scores[b] || (scores[a].is_nan() && scores[b].is_nan()));
    let expected = ties.flat_map(|tied| {
        let mean = tied.iter().map(|&i| gains[i]).sum::<f64>() / tied.len() as f64;
        std::iter::repeat_n(mean, tied.len())
    });
    (best > 0.0).then(|| dcg_at_k(expected, k) / best)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: Option<f64>, b: Option<f64>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-9 * a.abs().max(1.0),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    proptest! {
        #[test]
        fn a_weight_is_a_number_of_copies(rows in prop::collection::vec((0.01..0.99f64, any::<bool>(), 0usize..4), 1..25)) {
            let (p, y): (Vec<f64>, Vec<bool>) = rows.iter().map(|(p, y, _)| (*p, *y)).unzip();
            let w: Vec<f64> = rows.iter().map(|(.., n)| *n as f64).collect();
            let copies = rows.iter().flat_map(|(p, y, n)| std::iter::repeat_n((*p, *y), *n));
            let (copied_p, copied_y): (Vec<f64>, Vec<bool>) = copies.unzip();
            prop_assert!(close(calibration(&p, &y, &w), evaluation::calibration(&copied_p, &copied_y)));
            prop_assert!(close(normalised_entropy(&p, &y, &w), evaluation::normalised_entropy(&copied_p, &copied_y)));
        }

        #[test]
        fn ties_are_the_mean_over_every_order(rows in prop::collection::vec((0i32..3, 0u8..3), 1..6), k in 1usize..5) {
            let (scores, gains): (Vec<f64>, Vec<f64>) = rows.iter().map(|(s, g)| (f64::from(*s), f64::from(*g))).unzip();
            // Every order of the list: ties keep it, so together they stand in every order as often.
            let mut orders = vec![vec![]];
            for i in 0..rows.len() {
                let put = |order: Vec<usize>| (0..=i).map(move |at| { let mut o = order.clone(); o.insert(at, i); o });
                orders = orders.into_iter().flat_map(put).collect();
            }
            let pick = |of: &[f64], order: &[usize]| order.iter().map(|&i| of[i]).collect::<Vec<_>>();
            let all: Option<Vec<f64>> =
                orders.iter().map(|o| evaluation::ndcg_at_k(&pick(&scores, o), &pick(&gains, o), k)).collect();
            let mean = all.and_then(|all| evaluation::mean(&all));
            prop_assert!(close(ndcg_over_ties(&scores, &gains, k), mean));
        }

        #[test]
        fn without_ties_it_is_the_usual_one(gains in prop::collection::vec(0.0..3.0f64, 1..15), k in 1usize..12) {
            let scores: Vec<f64> = (0..gains.len()).map(|i| ((i * 7) % 17) as f64).collect();
            prop_assert!(close(ndcg_over_ties(&scores, &gains, k), evaluation::ndcg_at_k(&scores, &gains, k)));
        }
    }

    #[test]
    fn what_is_no_number_has_no_value() {
        assert_eq!(calibration(&[0.5, f64::NAN], &[true, false], &[1.0, 1.0]), None);
        assert_eq!(normalised_entropy(&[0.5, 0.5], &[true, false], &[1.0, -1.0]), None);
        assert_eq!(normalised_entropy(&[0.5, 0.5], &[true, false], &[1.0, 0.0]), None);
        assert_eq!(calibration(&[0.5], &[false], &[2.0]), None);
        // The two NaN scores tie, behind the other.
        let ndcg = ndcg_over_ties(&[f64::NAN, 0.0, f64::NAN], &[1.0, 0.0, 0.0], 10);
        assert!(close(ndcg, Some(f64::midpoint(1.0 / 3.0f64.log2(), 0.5))), "{ndcg:?}");
    }
}
