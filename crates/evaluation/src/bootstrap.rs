//! Percentile bootstrap intervals (Efron 1979) over queries.

use foryou_types::Rng;

use crate::mean;

/// A mean with an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The mean of the sample.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The mean of `values` with its percentile bootstrap interval at `level` (0.95) from `resamples` (1,000) redraws.
///
/// The values are one per query (slate, user) and queries are redrawn whole, so that dependence within a query does no harm.
/// `None` of nothing. The same `rng` gives the same interval.
pub fn bootstrap_mean(values: &[f64], resamples: usize, level: f64, rng: &mut dyn Rng) -> Option<Interval> {
    let centre = mean(values)?;
    let means = (0..resamples)
        .map(|_| values.iter().map(|_| values[rng.below(values.len())]).sum::<f64>() / values.len() as f64)
        .collect();
    Some(percentiles(centre, means, level))
}

/// The interval that leaves out the same share of the resampled `means` at either end.
pub(crate) fn percentiles(centre: f64, mut means: Vec<f64>, level: f64) -> Interval {
    means.sort_by(f64::total_cmp);
    let tail = (1.0 - level.clamp(0.0, 1.0)) / 2.0;
    let at = |share: f64| {
        let place = (share * means.len().saturating_sub(1) as f64).round() as usize;
        means.get(place).copied().unwrap_or(centre)
    };
    Interval { mean: centre, low: at(tail), high: at(1.0 - tail) }
}

/// The mean of `a − b` over the same queries with its interval: two rankers are told apart where it leaves out 0.
///
/// `a` and `b` are parallel. Pairing removes what both rankers find hard, so the interval is far narrower than the two single
/// ones. `None` of nothing.
pub fn paired_bootstrap(a: &[f64], b: &[f64], resamples: usize, level: f64, rng: &mut dyn Rng) -> Option<Interval> {
    debug_assert_eq!(a.len(), b.len(), "one value of each per query");
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    bootstrap_mean(&differences, resamples, level, rng)
}

#[cfg(test)]
mod tests {
    use foryou_types::SplitMix64;

    use super::*;

    #[test]
    fn the_interval_of_a_normal_sample_is_as_wide_as_theory_says() {
        let mut rng = SplitMix64::new(3);
        let values: Vec<f64> = (0..2_000).map(|_| 5.0 + 2.0 * rng.normal()).collect();
        let interval = bootstrap_mean(&values, 2_000, 0.95, &mut rng).unwrap();
        let half = 1.96 * 2.0 / 2_000f64.sqrt();
        assert!(interval.low < interval.mean && interval.mean < interval.high);
        assert!(((interval.high - interval.low) / (2.0 * half) - 1.0).abs() < 0.15, "{interval:?}");
        assert!((interval.mean - 5.0).abs() < 3.0 * half);
    }

    #[test]
    fn pairing_sees_a_small_steady_difference() {
        let mut rng = SplitMix64::new(9);
        let b: Vec<f64> = (0..400).map(|_| rng.uniform()).collect();
        let a: Vec<f64> = b.iter().map(|v| v + 0.01 + 0.01 * rng.normal()).collect();
        let paired = paired_bootstrap(&a, &b, 1_000, 0.95, &mut rng).unwrap();
        assert!(paired.low > 0.0 && paired.high < 0.02, "{paired:?}");
        let single = bootstrap_mean(&a, 1_000, 0.95, &mut rng).unwrap();
        assert!(single.high - single.low > 4.0 * (paired.high - paired.low));
    }

    #[test]
    fn degenerate_samples() {
        let mut rng = SplitMix64::new(1);
        assert_eq!(bootstrap_mean(&[], 10, 0.95, &mut rng), None);
        let one = bootstrap_mean(&[2.0], 10, 0.95, &mut rng).unwrap();
        assert_eq!(one, Interval { mean: 2.0, low: 2.0, high: 2.0 });
        let none = bootstrap_mean(&[1.0, 3.0], 0, 0.95, &mut rng).unwrap();
        assert_eq!((none.mean, none.low), (2.0, 2.0));
    }
}
