//! Discounted cumulative gain (Järvelin and Kekäläinen 2002) with graded gains.

use crate::ranking::rank_order;

/// `DCG@k = Σ_{i < k} gain_i / log2(i + 2)` over gains in rank order (`i` from 0).
///
/// The gain enters as it is (not as `2^gain − 1`): gains here are expected values, not grades.
pub fn dcg_at_k(gains: impl IntoIterator<Item = f64>, k: usize) -> f64 {
    gains.into_iter().take(k).zip(2u32..).map(|(gain, rank)| gain / f64::from(rank).log2()).sum()
}

/// `NDCG@k`: the DCG of ranking by `scores`, over the greatest DCG that these gains allow; in `[0, 1]`.
///
/// `scores` and `gains` are parallel, `[C]`, and gains are not negative. Ties: [`rank_order`](crate::rank_order). `None` where no gain is
/// positive: there is no right order, so the query says nothing and must be left out of a mean (never counted as 0 or 1).
///
/// ```
/// // The one relevant of three is ranked second: (1 / log2 3) / (1 / log2 2).
/// let ndcg = evaluation::ndcg_at_k(&[0.9, 0.5, 0.1], &[0.0, 1.0, 0.0], 10);
/// assert!((ndcg.unwrap_or(0.0) - 0.630_929_753_571_457_4).abs() < 1e-12);
/// ```
pub fn ndcg_at_k(scores: &[f64], gains: &[f64], k: usize) -> Option<f64> {
    debug_assert_eq!(scores.len(), gains.len(), "one gain per score");
    let mut ideal = gains.to_vec();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = dcg_at_k(ideal, k);
    (best > 0.0).then(|| {
        let order = rank_order(scores);
        dcg_at_k(order.into_iter().filter_map(|i| gains.get(i).copied()), k) / best
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn graded_gains_by_hand() {
        // DCG = 3/1 + 2/log2(3) + 3/2 + 0/log2(5) + 1/log2(6) + 2/log2(7)
        let gains = [3.0, 2.0, 3.0, 0.0, 1.0, 2.0];
        let dcg = 3.0 + 2.0 / 3f64.log2() + 1.5 + 1.0 / 6f64.log2() + 2.0 / 7f64.log2();
        assert!((dcg_at_k(gains, 10) - dcg).abs() < 1e-12);
        assert!((dcg - 6.861_126_688_593_502).abs() < 1e-9);
        // the ideal order is 3 3 2 2 1 0
        let ideal = 3.0 + 3.0 / 3f64.log2() + 1.0 + 2.0 / 5f64.log2() + 1.0 / 6f64.log2();
        let scores = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        assert!((ndcg_at_k(&scores, &gains, 6).unwrap() - dcg / ideal).abs() < 1e-12);
    }

    #[test]
    fn the_cut_counts_only_the_top() {
        assert_eq!(ndcg_at_k(&[1.0, 2.0, 3.0], &[1.0, 0.0, 0.0], 2), Some(0.0));
        assert_eq!(ndcg_at_k(&[3.0, 2.0, 1.0], &[1.0, 0.0, 0.0], 1), Some(1.0));
        assert_eq!(dcg_at_k([1.0, 1.0], 0), 0.0);
    }

    #[test]
    fn nothing_relevant_has_no_value() {
        assert_eq!(ndcg_at_k(&[1.0, 2.0], &[0.0, 0.0], 10), None);
        assert_eq!(ndcg_at_k(&[], &[], 10), None);
    }

    proptest! {
        #[test]
        fn ranking_by_the_gains_is_perfect_and_nothing_is_better(
            gains in prop::collection::vec(0.0..5.0f64, 1..30),
            seed in prop::collection::vec(-1.0..1.0f64, 30),
            k in 1..15usize,
        ) {
            prop_assume!(gains.iter().any(|g| *g > 0.0));
            let best = ndcg_at_k(&gains, &gains, k).unwrap();
            prop_assert!((best - 1.0).abs() < 1e-12);
            let other = ndcg_at_k(&seed[..gains.len()], &gains, k).unwrap();
            prop_assert!((0.0..=1.0 + 1e-12).contains(&other));
        }

        #[test]
        fn a_rising_function_of_the_scores_changes_nothing(
            rows in prop::collection::vec((-5.0..5.0f64, 0.0..3.0f64), 1..20),
        ) {
            let scores: Vec<f64> = rows.iter().map(|r| r.0).collect();
            let gains: Vec<f64> = rows.iter().map(|r| r.1).collect();
            let cubed: Vec<f64> = scores.iter().map(|s| s * 2.0 + 7.0).collect();
            prop_assert_eq!(ndcg_at_k(&scores, &gains, 10), ndcg_at_k(&cubed, &gains, 10));
        }
    }
}
