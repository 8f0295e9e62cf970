//! How a run is run, what it tells while it runs, and how it ended.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// How a run is run.
#[derive(Clone, Copy)]
pub struct RunOptions<'a> {
    /// Threads that compute, at least 1. The result depends on it in its last bits.
    pub threads: usize,
    /// Everything random comes from here.
    pub seed: u64,
    /// Whether to continue with the run in the folder. With [`Self::from`], a folder without a run is not an error: the run begins.
    pub resume: bool,
    /// A checkpoint to start from: of a run (its `checkpoint/`, with the state of the optimisers) or one to serve
    /// (`best/`, or a version of the registry, without).
    ///
    /// What is taken over, the objective says ([`crate::Objective::start_from`]). Steps, schedule, best and patience start again. A
    /// checkpoint in the run's own folder is refused. To resume such a run the same checkpoint must be given again.
    pub from: Option<&'a Path>,
    /// Ends the run after the current step, with a checkpoint.
    pub stop: &'a AtomicBool,
    /// Who is told.
    pub progress: &'a dyn Progress,
}

impl fmt::Debug for RunOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, seed, resume, from, .. } = self;
        f.debug_struct("RunOptions")
            .field("threads", threads)
            .field("seed", seed)
            .field("resume", resume)
            .field("from", from)
            .finish_non_exhaustive()
    }
}

/// Follows a run.
pub trait Progress {
    /// After each step.
    fn step(&self, report: &StepReport);

    /// After each evaluation.
    fn evaluated(&self, report: &EvaluationReport);
}

/// Nobody follows.
impl Progress for () {
    fn step(&self, _: &StepReport) {}
    fn evaluated(&self, _: &EvaluationReport) {}
}

/// A step that was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Steps done.
    pub step: u64,
    /// Steps of the run.
    pub steps: u64,
    /// The epoch, from 1.
    pub epoch: u32,
    /// Mean loss of the last steps.
    pub loss: f64,
    /// Examples a second since the run began.
    pub examples_per_second: f64,
    /// Seconds to the end at this pace, evaluations not counted.
    pub eta_seconds: f64,
}

/// An evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationReport {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Steps done.
    pub step: u64,
    /// The measures by name.
    pub metrics: BTreeMap<String, f64>,
    /// Whether it is the best so far.
    pub best: bool,
}

/// A run that ended or was stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The measures of the best evaluation; empty if nothing was evaluated.
    pub best: BTreeMap<String, f64>,
    /// Epochs begun.
    pub epochs: u32,
    /// Steps done, those before a resumption included.
    pub steps: u64,
    /// Examples a second.
    pub examples_per_second: f64,
    /// Seconds, evaluations included, since the run was begun or resumed.
    pub seconds: f64,
    /// Values learned, tables included.
    pub parameters: u64,
    /// Steps left out because their loss or gradient was not finite.
    pub skipped_steps: u64,
    /// Whether [`RunOptions::stop`] ended it.
    pub stopped: bool,
    /// The best model; without a validation part, the last.
    pub checkpoint: PathBuf,
}
