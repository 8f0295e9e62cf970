//! The state of a run: in memory, and in the checkpoint it continues from.

use std::path::Path;

use model_registry::{CheckpointError, NamedTensor};

use crate::error::TrainError;
use crate::objective::Objective;
use crate::saved::{BEST, COUNTERS, DIGITS, Saved, TrainingState, digits, number};

/// Everything that the next step depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunState<M> {
    pub(crate) model: M,
    pub(crate) counters: Counters,
    /// The least criterion of an evaluation so far.
    pub(crate) best: f64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Steps done, skipped ones included.
    pub(crate) step: u64,
    pub(crate) skipped: u64,
    pub(crate) skipped_in_row: u64,
    /// Evaluations since the best one.
    pub(crate) since_best: u64,
    /// Steps done when the best was measured.
    pub(crate) best_step: u64,
}

impl<M> RunState<M> {
    pub(crate) fn new(model: M) -> Self {
        Self { model, counters: Counters::default(), best: f64::INFINITY }
    }

    /// Writes the last checkpoint, with all that is needed to continue.
    pub(crate) fn save<O: Objective<Model = M>>(&self, objective: &O, folder: &Path) -> Result<(), CheckpointError> {
        let TrainingState { mut tensors, counts } = objective.state(&self.model);
        let Counters { step, skipped, skipped_in_row, since_best, best_step } = self.counters;
        let counters = [step, skipped, skipped_in_row, since_best, best_step];
        let data: Vec<f32> = counters.iter().chain(&counts).flat_map(|&n| digits(n)).collect();
        tensors.push(NamedTensor { name: COUNTERS.to_owned(), shape: vec![data.len()], data });
        let data = digits(self.best.to_bits()).into_iter().collect();
        tensors.push(NamedTensor { name: BEST.to_owned(), shape: vec![DIGITS], data });
        objective.save(&self.model, &std::collections::BTreeMap::new(), folder, Some(&tensors))
    }

    /// Reads what [`Self::save`] wrote.
    pub(crate) fn load<O: Objective<Model = M>>(objective: &O, folder: &Path) -> Result<Self, TrainError> {
        let mut saved = Saved::read(folder)?;
        let counters = saved.numbers::<5>(0)?;
        let best = f64::from_bits(number(&saved.take(BEST, DIGITS)?));
        let model = objective.load(folder, &mut saved)?;
        let [step, skipped, skipped_in_row, since_best, best_step] = counters;
        Ok(Self { model, counters: Counters { step, skipped, skipped_in_row, since_best, best_step }, best })
    }
}
