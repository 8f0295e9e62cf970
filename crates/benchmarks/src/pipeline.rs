//! What the framework itself costs: 2 sources, 5 hydrators, 12 filters and 4 scorers that do no work, over 1,500 candidates of
//! 256 bytes, of which 50 are selected and 35 returned.
//!
//! Scores come from a fixed hash of the id, so that the sort has work to do and all runs sort the same.

use std::hint::black_box;
use std::time::Duration;

use async_trait::async_trait;
use candidate_pipeline::{
    Budget, Budgets, BuildError, ExecuteOptions, Filter, Hydrator, KeepMask, Pipeline, Scorer, Selector, Source,
    StageError,
};
use foryou_io::MonotonicClock;
use serde::Serialize;
use tokio::runtime::Builder;

use crate::{BenchError, Micros, Times};

/// Candidates of a source.
pub const PER_SOURCE: u64 = 750;
/// The hydrators.
pub const HYDRATORS: [&str; 5] = ["h0", "h1", "h2", "h3", "h4"];
/// The filters.
pub const FILTERS: [&str; 12] = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11"];
/// The scorers.
pub const SCORERS: [&str; 4] = ["s0", "s1", "s2", "s3"];
/// Candidates that are selected.
pub const SELECTED: usize = 50;
/// Candidates that are returned.
pub const RETURNED: usize = 35;

/// A candidate of 256 bytes.
#[derive(Clone)]
pub struct Item {
    /// Its id.
    pub id: u64,
    /// Its score, without order in its id.
    pub score: f64,
    /// What makes it large: its id, again and again.
    pub payload: [u64; 30],
}

const _: () = assert!(size_of::<Item>() == 256, "the benchmark is about candidates of 256 bytes");

impl Item {
    /// The candidate of that id.
    pub fn new(id: u64) -> Self {
        // SplitMix64's finalizer: fixed, and without order.
        let mut x = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self { id, score: (x >> 11) as f64, payload: [id; 30] }
    }
}

struct Items(&'static str, u64);

#[async_trait]
impl Source<(), Item> for Items {
    fn name(&self) -> &'static str {
        self.0
    }
    async fn get_candidates(&self, (): &(), _: &Budget) -> Result<Vec<Item>, StageError> {
        Ok((self.1..self.1 + PER_SOURCE).map(Item::new).collect())
    }
}

struct Idle(&'static str);

#[async_trait]
impl Hydrator<(), Item> for Idle {
    type Fields = ();
    fn name(&self) -> &'static str {
        self.0
    }
    async fn hydrate(&self, (): &(), items: &[Item], _: &Budget) -> Result<Vec<Result<(), StageError>>, StageError> {
        Ok(items.iter().map(|_| Ok(())).collect())
    }
    fn update(&self, _: &mut Item, (): ()) {}
}

impl Filter<(), Item> for Idle {
    fn name(&self) -> &'static str {
        self.0
    }
    fn filter(&self, (): &(), items: &[Item], keep: &mut KeepMask, _: &Budget) -> Result<(), StageError> {
        black_box((items, keep));
        Ok(())
    }
}

#[async_trait]
impl Scorer<(), Item> for Idle {
    type Fields = f64;
    fn name(&self) -> &'static str {
        self.0
    }
    async fn score(&self, (): &(), items: &[Item], _: &Budget) -> Result<Vec<f64>, StageError> {
        Ok(items.iter().map(|item| item.score).collect())
    }
    fn update(&self, item: &mut Item, score: f64) {
        item.score = score;
    }
}

struct Best;

impl Selector<(), Item> for Best {
    fn name(&self) -> &'static str {
        "best"
    }
    fn score(&self, item: &Item) -> f64 {
        item.score
    }
    fn id(&self, item: &Item) -> u64 {
        item.id
    }
    fn size(&self, (): &()) -> usize {
        SELECTED
    }
    fn result_size(&self, (): &()) -> usize {
        RETURNED
    }
}

/// The pipeline.
pub fn pipeline(budgets: Budgets) -> Result<Pipeline<(), Item>, BuildError> {
    let mut builder = Pipeline::builder("overhead").source(Items("a", 0)).source(Items("b", PER_SOURCE));
    for name in HYDRATORS {
        builder = builder.hydrator(Idle(name));
    }
    for name in FILTERS {
        builder = builder.filter(Idle(name));
    }
    for name in SCORERS {
        builder = builder.scorer(Idle(name));
    }
    builder.selector(Best).budgets(budgets).build()
}

/// Freeing a large block once makes glibc keep blocks up to its size instead of giving each back to the system (its mmap and
/// trim thresholds follow it). Without this every vector of candidates may be page-faulted in anew, in the pipeline as in
/// a plain loop, and the kernel is measured; a server raises the thresholds for the same reason.
pub fn keep_memory() {
    drop(black_box(Vec::<u8>::with_capacity(16 << 20)));
}

/// What a request takes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Candidates of a request.
    pub candidates: u64,
    /// A request without a trace or a deadline.
    pub plain: Micros,
    /// With a deadline: every component that could wait is under a timer.
    pub deadline: Micros,
    /// With a trace of every candidate.
    pub explain: Micros,
}

/// Times `runs` requests of each kind.
pub fn measure(clock: &dyn MonotonicClock, runs: usize) -> Result<Report, BenchError> {
    keep_memory();
    let runtime = Builder::new_current_thread().enable_time().build().map_err(BenchError::Runtime)?;
    let second = Duration::from_secs(1);
    let plain = pipeline(Budgets::default())?;
    let limited = pipeline(Budgets::default().request(second).default_cap(second))?;
    let time = |pipeline: &Pipeline<(), Item>, options| {
        Times::measure(clock, runs / 10, runs, |_| drop(runtime.block_on(pipeline.execute((), options)))).micros()
    };
    Ok(Report {
        candidates: 2 * PER_SOURCE,
        plain: time(&plain, ExecuteOptions::default()),
        deadline: time(&limited, ExecuteOptions::default()),
        explain: time(&plain, ExecuteOptions::EXPLAIN),
    })
}

#[cfg(test)]
mod tests {
    use foryou_io::SystemMonotonic;

    use super::*;

    #[test]
    fn the_best_are_returned_whole() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(pipeline(Budgets::default()).unwrap().execute((), ExecuteOptions::default()));
        let mut all: Vec<_> = (0..2 * PER_SOURCE).map(Item::new).collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        let ids = |items: &[Item]| items.iter().map(|item| item.id).collect::<Vec<_>>();
        assert_eq!(ids(&answer.selected), ids(&all[..RETURNED]));
        assert!(answer.selected.iter().all(|item| item.payload == [item.id; 30]));
        let report = measure(&SystemMonotonic::new(), 10).unwrap();
        assert_eq!((report.candidates, report.plain.runs, report.explain.runs), (1_500, 10, 10));
    }
}
