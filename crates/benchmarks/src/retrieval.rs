//! Exact retrieval: random unit vectors (seed 1), one query at a time.

use foryou_io::MonotonicClock;
use foryou_types::{PostId, Rng, SplitMix64, TimeMs, UserId};
use phoenix_engine::ExactIndex;
use serde::Serialize;

use crate::{BenchError, Millis, Times, pool};

/// Queries, one after the other.
const QUERIES: usize = 32;
/// Runs whose times do not count.
const WARM: usize = 3;

/// Sizes of a retrieval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Posts in the index.
    pub posts: usize,
    /// Values of a vector.
    pub dim: usize,
    /// Posts asked for.
    pub k: usize,
    /// Threads.
    pub threads: usize,
}

/// What a retrieval took.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The sizes.
    pub config: Sizes,
    /// All posts looked at.
    pub exact: Exact,
}

/// What the exact index took.
#[derive(Clone, Debug, Serialize)]
pub struct Exact {
    /// A query.
    #[serde(flatten)]
    pub millis: Millis,
    /// Billions of bytes of vectors read a second.
    pub gigabytes_per_second: f64,
}

/// A random unit vector.
fn unit(dim: usize, rng: &mut SplitMix64) -> Vec<f32> {
    // Six uniform numbers: near enough to a normal one for a direction without preference.
    let mut normal = || (0..6).map(|_| rng.uniform() - 0.5).sum::<f64>();
    let values: Vec<f64> = (0..dim).map(|_| normal()).collect();
    let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    values.into_iter().map(|x| (x / norm) as f32).collect()
}

/// Times `runs` queries of these sizes.
pub fn measure(clock: &dyn MonotonicClock, sizes: Sizes, runs: usize) -> Result<Report, BenchError> {
    if sizes.posts == 0 || sizes.dim == 0 || sizes.k == 0 {
        return Err(BenchError::Sizes("--posts, --dim, --k: must be at least 1".to_owned()));
    }
    let mut rng = SplitMix64::fork(1, "retrieval");
    let mut index = ExactIndex::new(sizes.dim);
    for n in 0..sizes.posts as u64 {
        index.insert(PostId(n + 1), UserId(n % 1_000 + 1), TimeMs(n.cast_signed()), &unit(sizes.dim, &mut rng));
    }
    let queries: Vec<_> = (0..QUERIES).map(|_| unit(sizes.dim, &mut rng)).collect();
    let times = pool(sizes.threads)?.install(|| {
        Times::measure(clock, WARM, runs, |n| {
            let found = index.search(&queries[n % QUERIES], sizes.k, TimeMs(0), |_, _| false);
            std::hint::black_box(found);
        })
    });
    let bytes = (sizes.posts * sizes.dim * size_of::<f32>()) as f64;
    let gigabytes_per_second = bytes / times.at(0.5).as_secs_f64().max(1e-9) / 1e9;
    Ok(Report { config: sizes, exact: Exact { millis: times.millis(), gigabytes_per_second } })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use foryou_io::ManualMonotonic;

    use super::*;

    #[test]
    fn queries_are_timed() {
        let sizes = Sizes { posts: 1_000, dim: 8, k: 10, threads: 1 };
        let report = measure(&ManualMonotonic::stepping(Duration::from_millis(1)), sizes, 4).unwrap();
        assert_eq!((report.exact.millis.median_ms, report.exact.millis.runs), (1.0, 4));
        assert!((report.exact.gigabytes_per_second - 0.032).abs() < 1e-9, "{report:?}");
        assert!(measure(&ManualMonotonic::new(), Sizes { k: 0, ..sizes }, 1).is_err());
    }

    #[test]
    fn vectors_have_length_one() {
        let vector = unit(32, &mut SplitMix64::new(3));
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
