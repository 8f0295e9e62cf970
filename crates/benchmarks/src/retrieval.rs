//! Exact retrieval: random unit vectors (seed 1), one query at a time.

use std::hint::black_box;

use foryou_io::MonotonicClock;
use foryou_types::{PostId, Rng, SplitMix64, TimeMs, UserId};
use phoenix_engine::ExactIndex;
use rustc_hash::FxHashSet;
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
    /// As served: the rows as i8 first, those that can be among the best in f32.
    pub exact: Exact,
    /// All rows in f32.
    pub f32_rows: Exact,
    /// The share of the posts found by all rows in f32 that is found as served; 1 by construction.
    pub recall: f64,
}

/// What the exact index took.
#[derive(Clone, Debug, Serialize)]
pub struct Exact {
    /// A query.
    #[serde(flatten)]
    pub millis: Millis,
    /// Billions of bytes of f32 vectors looked through a second, whether or not their f32 values are read.
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
    let mut indexes = [ExactIndex::new(sizes.dim), ExactIndex::with_i8_from(sizes.dim, usize::MAX)];
    for n in 0..sizes.posts as u64 {
        let vector = unit(sizes.dim, &mut rng);
        for index in &mut indexes {
            index.insert(PostId(n + 1), UserId(n % 1_000 + 1), TimeMs(n.cast_signed()), &vector);
        }
    }
    let queries: Vec<_> = (0..QUERIES).map(|_| unit(sizes.dim, &mut rng)).collect();
    let search = |index: &ExactIndex, n: usize| index.search(&queries[n % QUERIES], sizes.k, TimeMs(0), |_, _| false);
    let pool = pool(sizes.threads)?;
    let bytes = (sizes.posts * sizes.dim * size_of::<f32>()) as f64;
    let time = |index: &ExactIndex| {
        let times = pool.install(|| Times::measure(clock, WARM, runs, |n| drop(black_box(search(index, n)))));
        let gigabytes_per_second = bytes / times.at(0.5).as_secs_f64().max(1e-9) / 1e9;
        Exact { millis: times.millis(), gigabytes_per_second }
    };
    let [served, f32_rows] = &indexes;
    let (mut found, mut all) = (0, 0);
    for n in 0..QUERIES {
        let ours: FxHashSet<PostId> = search(served, n).into_iter().map(|(post, ..)| post).collect();
        let theirs = search(f32_rows, n);
        all += theirs.len();
        found += theirs.iter().filter(|(post, ..)| ours.contains(post)).count();
    }
    let recall = found as f64 / all as f64;
    Ok(Report { config: sizes, exact: time(served), f32_rows: time(f32_rows), recall })
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
        assert_eq!((report.f32_rows.millis.median_ms, report.recall), (1.0, 1.0));
        assert!((report.exact.gigabytes_per_second - 0.032).abs() < 1e-9, "{report:?}");
        assert!(measure(&ManualMonotonic::new(), Sizes { k: 0, ..sizes }, 1).is_err());
    }

    #[test]
    fn vectors_have_length_one() {
        let vector = unit(32, &mut SplitMix64::new(3));
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
