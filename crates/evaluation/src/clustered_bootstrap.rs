//! Bootstrap intervals over whole clusters (Field and Welsh 2007, "Bootstrapping clustered data").

use foryou_types::Rng;
use rustc_hash::FxHashMap;

use crate::bootstrap::percentiles;
use crate::{Interval, mean};

/// The mean of `values` with its percentile bootstrap interval at `level`, where what has the same id in `clusters` is redrawn together.
///
/// `values` and `clusters` are parallel. Where the values of one user resemble each other, redrawing them one by one takes them for
/// more evidence than they are, and the interval of [`bootstrap_mean`](crate::bootstrap_mean) is too narrow; here users are drawn, with
/// all they have. Of paired differences it is the paired interval. A resample weighs each value alike, so its size varies. `None` of
/// nothing. The same `rng` gives the same interval.
pub fn clustered_bootstrap_mean(
    values: &[f64],
    clusters: &[u64],
    resamples: usize,
    level: f64,
    rng: &mut dyn Rng,
) -> Option<Interval> {
    debug_assert_eq!(values.len(), clusters.len(), "one cluster per value");
    let centre = mean(values)?;
    // In the order of first appearance, so that the draws do not hang on the order of a hash table.
    let mut place: FxHashMap<u64, usize> = FxHashMap::default();
    let mut sums: Vec<(f64, f64)> = Vec::new();
    for (value, cluster) in values.iter().zip(clusters) {
        let i = *place.entry(*cluster).or_insert(sums.len());
        match sums.get_mut(i) {
            Some((sum, count)) => {
                *sum += value;
                *count += 1.0;
            }
            None => sums.push((*value, 1.0)),
        }
    }
    let redraw = |_| {
        let (mut sum, mut count) = (0.0, 0.0);
        for _ in 0..sums.len() {
            let (more, values) = sums[rng.below(sums.len())];
            sum += more;
            count += values;
        }
        sum / count
    };
    Some(percentiles(centre, (0..resamples).map(redraw).collect(), level))
}

#[cfg(test)]
mod tests {
    use foryou_types::SplitMix64;

    use super::*;
    use crate::bootstrap_mean;

    #[test]
    fn clusters_of_one_are_the_plain_bootstrap() {
        let mut rng = SplitMix64::new(3);
        let values: Vec<f64> = (0..200).map(|_| rng.normal()).collect();
        let clusters: Vec<u64> = (0..200).rev().collect();
        let plain = bootstrap_mean(&values, 500, 0.95, &mut SplitMix64::new(8)).unwrap();
        let clustered = clustered_bootstrap_mean(&values, &clusters, 500, 0.95, &mut SplitMix64::new(8)).unwrap();
        assert!((plain.low - clustered.low).abs() < 1e-12 && (plain.high - clustered.high).abs() < 1e-12);
    }

    #[test]
    fn copies_within_a_cluster_are_no_evidence() {
        // 100 users with 25 equal values each: as wide as 100 values, five times as wide as 2,500.
        let mut rng = SplitMix64::new(5);
        let one_each: Vec<f64> = (0..100).map(|_| rng.normal()).collect();
        let values: Vec<f64> = one_each.iter().flat_map(|v| [*v; 25]).collect();
        let users: Vec<u64> = (0..100).flat_map(|user| [user; 25]).collect();
        let width = |i: Option<Interval>| i.map_or(f64::NAN, |i| i.high - i.low);
        let few = width(bootstrap_mean(&one_each, 2_000, 0.95, &mut rng));
        let naive = width(bootstrap_mean(&values, 2_000, 0.95, &mut rng));
        let clustered = width(clustered_bootstrap_mean(&values, &users, 2_000, 0.95, &mut rng));
        assert!((clustered / few - 1.0).abs() < 0.1, "{clustered} {few}");
        assert!((clustered / naive - 5.0).abs() < 0.6, "{clustered} {naive}");
    }

    #[test]
    fn the_mean_is_over_values_and_not_over_clusters() {
        // 30 values of 0 of one user, 10 of 1 of another: a redraw has one of them twice or both.
        let values: Vec<f64> = [0.0; 30].into_iter().chain([1.0; 10]).collect();
        let users: Vec<u64> = [1; 30].into_iter().chain([2; 10]).collect();
        let interval = clustered_bootstrap_mean(&values, &users, 1_000, 0.9, &mut SplitMix64::new(1)).unwrap();
        assert_eq!(interval, Interval { mean: 0.25, low: 0.0, high: 1.0 });
        let narrow = clustered_bootstrap_mean(&values, &users, 1_000, 0.2, &mut SplitMix64::new(1)).unwrap();
        assert_eq!((narrow.low, narrow.high), (0.25, 0.25));
        assert_eq!(clustered_bootstrap_mean(&[], &[], 10, 0.95, &mut SplitMix64::new(1)), None);
    }
}
