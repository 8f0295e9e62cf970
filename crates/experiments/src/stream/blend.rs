//! The blend: a ranker's score combined with a statistic that is always current.

use serde::{Deserialize, Serialize};

/// Weights of the statistic that are compared.
pub(crate) const WEIGHTS: [f64; 7] = [0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0];
/// The weight before any prediction was judged.
const FIRST: usize = 3;
/// Lower bound of the ranker's score.
const LEAST_VALUE: f64 = 1e-12;

/// The score of a post: `ln(value) + weight · statistic`, the statistic being a logarithm of a count or of a rate.
pub(crate) fn blended(value: f64, statistic: f64, weight: f64) -> f64 {
    value.max(LEAST_VALUE).ln() + weight * statistic
}

/// The weight of the statistic: the one that did best in earlier periods, so that no weight is chosen on the events it is judged
/// on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Blend {
    /// Per weight, the sum of its metric.
    sums: [f64; WEIGHTS.len()],
    judged: u64,
    chosen: Option<usize>,
}

impl Blend {
    /// The weight of this period.
    pub(crate) fn weight(&self) -> f64 {
        WEIGHTS[self.place()]
    }

    /// Its place in [`WEIGHTS`].
    pub(crate) fn place(&self) -> usize {
        self.chosen.unwrap_or(FIRST).min(WEIGHTS.len() - 1)
    }

    /// Records the metric of each weight on one prediction.
    pub(crate) fn add(&mut self, scored: [f64; WEIGHTS.len()]) {
        self.judged += 1;
        self.sums.iter_mut().zip(scored).for_each(|(sum, scored)| *sum += scored);
    }

    /// Chooses the weight of the next period; on a tie, the smallest.
    pub(crate) fn choose(&mut self) {
        if self.judged > 0 {
            let best = self.sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            self.chosen = self.sums.iter().position(|sum| *sum == best);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_is_chosen_between_periods_only() {
        let mut blend = Blend::default();
        let first = blend.weight();
        let mut scored = [0.1; WEIGHTS.len()];
        scored[5] = 0.9;
        blend.add(scored);
        assert_eq!(blend.weight(), first);
        blend.choose();
        assert_eq!(blend.weight(), WEIGHTS[5]);
        // A tie goes to the smallest.
        let mut even = Blend::default();
        even.add([0.5; WEIGHTS.len()]);
        even.choose();
        assert_eq!(even.weight(), 0.0);
        let mut nothing = Blend::default();
        nothing.choose();
        assert_eq!(nothing.weight(), first);
    }

    #[test]
    fn the_statistic_lifts_and_a_worthless_post_still_has_a_score() {
        assert!(blended(0.1, 2.0, 1.0) > blended(0.1, 0.0, 1.0));
        assert_eq!(blended(0.1, 9.0, 0.0), blended(0.1, 0.0, 0.0));
        assert!(blended(-3.0, 0.0, 1.0).is_finite());
        assert!((blended(1.0, 1.5, 2.0) - 3.0).abs() < 1e-12);
    }
}
