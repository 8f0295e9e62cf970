//! Steps of a training of the small ranker: random data (seed 1); dense tensors by AdamW and touched rows by row-wise Adagrad. Text, age
//! and dwell blocks are off. A step's time has everything in it: rows out of the tables, the model forward and backward, both optimisers.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use foryou_io::MonotonicClock;
use foryou_types::{ActionMask, ActionSet, PostId, Rng, SplitMix64, TimeMs, UserId};
use phoenix::{Candidate, CandidateItem, Corpus, HistoryItem, IdCounts, ModelConfig, ModelKind, Pass};
use phoenix_train::{Recipe, TrainingData};
use serde::Serialize;
use train_core::{EvaluationReport, Progress, RunOptions, StepReport};

use crate::{BenchError, Millis, Times};

/// Steps whose times do not count.
const WARM: usize = 3;
/// Tokens that a step has at least.
const FEWEST_TOKENS: usize = 16;

/// Sizes of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Viewers of a step, B.
    pub batch: usize,
    /// History tokens S.
    pub history: usize,
    /// Candidates C.
    pub candidates: usize,
    /// Ids of each kind; a table has two hashed rows for each.
    pub rows: usize,
    /// Threads.
    pub threads: usize,
}

impl Sizes {
    /// Those of the public reference's script.
    pub const SMALL: Self = Self { batch: 64, history: 32, candidates: 8, rows: 50_000, threads: 2 };
}

/// What a step took.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The sizes.
    pub config: Sizes,
    /// A step.
    #[serde(flatten)]
    pub millis: Millis,
    /// Candidates learned from in a second.
    pub per_second: f64,
}

fn data(sizes: &Sizes, steps: usize) -> TrainingData {
    let ids = sizes.rows;
    let mut rng = SplitMix64::new(1);
    let mut id = |most: usize| 1 + rng.below(most) as u64;
    let mut pass = |slate: usize| Pass {
        user: UserId(id(ids)),
        history: (0..sizes.history)
            .map(|_| HistoryItem {
                post: PostId(id(ids)),
                author: UserId(id(ids)),
                actions: ActionMask(id(1 << 18)),
                surface: 1,
                ..HistoryItem::default()
            })
            .collect(),
        candidates: (0..sizes.candidates)
            .map(|_| Candidate {
                item: CandidateItem {
                    post: PostId(id(ids)),
                    author: UserId(id(ids)),
                    surface: 1,
                    ..CandidateItem::default()
                },
                cutoff: sizes.history as u16,
                labels: ActionMask(id(1 << 18) & id(1 << 18) & id(1 << 18)),
                dwell_seconds: 1.0,
                weight: 1.0,
                slate: slate as u32,
                training_impressions: 1,
            })
            .collect(),
        at: TimeMs(1),
    };
    TrainingData {
        corpus: Arc::new(Corpus::new()),
        train: (0..sizes.batch * steps).map(&mut pass).collect(),
        validation: Vec::new(),
        validation_from: None,
        ids: IdCounts { users: ids, posts: ids, authors: ids, words: 1 },
        positives_per_head: vec![1; ActionSet::for_you().len()],
        impressions: 1,
        training_impressions: std::iter::empty().collect(),
        post_frequency: std::iter::empty().collect(),
        alive_posts: Vec::new(),
        users: 1,
        posts: 1,
        slates: 1,
        trained_until: TimeMs(2),
        log_position: event_log::Position::default(),
    }
}

/// The moments after each step.
struct Moments<'a> {
    clock: &'a dyn MonotonicClock,
    moments: RefCell<Vec<Duration>>,
}

impl Progress for Moments<'_> {
    fn step(&self, _: &StepReport) {
        self.moments.borrow_mut().push(self.clock.now());
    }

    fn evaluated(&self, _: &EvaluationReport) {}
}

/// Times `steps` steps of these sizes.
pub fn measure(clock: &dyn MonotonicClock, sizes: Sizes, steps: usize) -> Result<Report, BenchError> {
    if sizes.batch == 0 || sizes.candidates == 0 || sizes.history == 0 || sizes.rows == 0 || steps == 0 {
        return Err(BenchError::Sizes("--batch, --history, --candidates, --rows: must be at least 1".to_owned()));
    }
    let tokens = sizes.batch * (1 + sizes.history + sizes.candidates);
    if tokens < FEWEST_TOKENS {
        let problem =
            format!("--batch: {} viewers have {tokens} tokens, and a step needs {FEWEST_TOKENS}", sizes.batch);
        return Err(BenchError::Sizes(problem));
    }
    let data = data(&sizes, steps + WARM);
    let mut recipe = Recipe::ranker();
    recipe.model = ModelConfig {
        history_seq_len: sizes.history,
        text: false,
        post_age: false,
        dwell: false,
        ..ModelConfig::default()
    };
    recipe.start.similarity = false;
    recipe.tokens_per_step = tokens;
    recipe.epochs = 1;
    let folder = tempfile::tempdir().map_err(BenchError::Folder)?;
    let progress = Moments { clock, moments: RefCell::default() };
    let stop = AtomicBool::new(false);
    let options =
        RunOptions { threads: sizes.threads, seed: 1, resume: false, from: None, stop: &stop, progress: &progress };
    phoenix_train::train(ModelKind::Ranker, &data, &recipe, &ActionSet::for_you(), folder.path(), &options)?;
    let moments = progress.moments.into_inner();
    let steps = moments.windows(2).skip(WARM.saturating_sub(1)).map(|two| two[1].saturating_sub(two[0]));
    let times = Times::new(steps.collect());
    let candidates = (sizes.batch * sizes.candidates) as f64;
    Ok(Report { config: sizes, millis: times.millis(), per_second: times.per_second() * candidates })
}

#[cfg(test)]
mod tests {
    use foryou_io::ManualMonotonic;

    use super::*;

    #[test]
    fn steps_are_timed_after_the_first_ones() {
        let clock = ManualMonotonic::stepping(Duration::from_millis(4));
        let sizes = Sizes { batch: 4, history: 4, candidates: 2, rows: 20, threads: 1 };
        let report = measure(&clock, sizes, 5).unwrap();
        assert_eq!((report.millis.median_ms, report.millis.runs), (4.0, 5));
        assert!((report.per_second - 2_000.0).abs() < 1e-6, "{report:?}");
        assert!(measure(&clock, Sizes { batch: 0, ..sizes }, 5).is_err());
        let few = measure(&clock, Sizes { batch: 2, ..sizes }, 5).unwrap_err();
        assert_eq!(few.to_string(), "--batch: 2 viewers have 14 tokens, and a step needs 16");
    }
}
