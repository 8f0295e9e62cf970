//! How far a version is above popularity.

use evaluation::{Interval, paired_bootstrap};
use foryou_types::SplitMix64;

/// Redraws of the interval.
const RESAMPLES: usize = 1_000;

/// The mean of the differences over the same slates, and the ends of its 95 % paired bootstrap interval. `None` without slates, or where
/// the two were not measured on the same.
pub(crate) fn above(values: &[f64], popularity: &[f64], seed: u64) -> Option<[f64; 3]> {
    let mut rng = SplitMix64::fork(seed, "bootstrap");
    let interval = paired_bootstrap(values, popularity, RESAMPLES, 0.95, &mut rng);
    interval.map(|Interval { mean, low, high }| [mean, low, high])
}
