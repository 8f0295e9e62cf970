//! The state of a run: in memory, and in the checkpoint it goes on from.

use std::path::Path;

use phoenix::{Checkpoint, CheckpointError, NamedTensor};

use super::error::TrainError;
use super::model::Model;
use crate::optim::AdamW;

/// Everything that the next step depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunState {
    pub(crate) model: Model,
    /// Moments of the dense tensors, then of the extra ones.
    pub(crate) adam: AdamW,
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

const COUNTERS: &str = "run.counters";
const BEST: &str = "run.best";

impl RunState {
    pub(crate) fn new(model: Model) -> Self {
        let adam = AdamW::new(model.dense.iter().chain(&model.extra).map(|tensor| tensor.data.len()));
        Self { model, adam, counters: Counters::default(), best: f64::INFINITY }
    }

    /// Writes the last checkpoint, with all that is needed to go on.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), CheckpointError> {
        let mut tensors = Vec::new();
        let named = self.model.dense.iter().chain(&self.model.extra);
        for (tensor, (mean, square)) in named.zip(self.adam.mean.iter().zip(&self.adam.square)) {
            for (moment, data) in [("mean", mean), ("square", square)] {
                let name = format!("adamw.{moment}.{}", tensor.name);
                tensors.push(NamedTensor { name, shape: tensor.shape.clone(), data: data.clone() });
            }
        }
        for (name, table) in self.model.tables.named() {
            let data = table.accumulator().to_vec();
            tensors.push(NamedTensor { name: format!("adagrad.{name}"), shape: vec![data.len()], data });
        }
        tensors.extend(self.model.extra.iter().cloned());
        let Counters { step, skipped, skipped_in_row, since_best, best_step } = self.counters;
        let counters = [step, skipped, skipped_in_row, since_best, best_step, self.adam.steps];
        let data: Vec<f32> = counters.iter().flat_map(|&n| digits(n)).collect();
        tensors.push(NamedTensor { name: COUNTERS.to_owned(), shape: vec![data.len()], data });
        let data = digits(self.best.to_bits()).into_iter().collect();
        tensors.push(NamedTensor { name: BEST.to_owned(), shape: vec![DIGITS], data });
        self.model.snapshot().save(folder, Some(&tensors))
    }

    /// Reads what [`Self::save`] wrote; `extra` names what is learned beside the model.
    pub(crate) fn load(folder: &Path, extra: Vec<NamedTensor>) -> Result<Self, TrainError> {
        let mut state = Self::new(Model::new(Checkpoint::load(folder)?, extra));
        let mut tensors = Checkpoint::load_optimizer(folder)?;
        let mut take = |name: &str, len: usize| {
            let problem = |problem: String| TrainError::Folder { folder: folder.to_owned(), problem };
            let at = tensors.iter().position(|tensor| tensor.name == name);
            let tensor = at.map(|at| tensors.swap_remove(at));
            let tensor = tensor.ok_or_else(|| problem(format!("the optimiser's tensor {name} is missing")))?;
            if tensor.data.len() != len {
                return Err(problem(format!(
                    "the optimiser's tensor {name} has {} values, not {len}",
                    tensor.data.len()
                )));
            }
            Ok(tensor.data)
        };
        for (i, tensor) in state.model.dense.iter().chain(&state.model.extra).enumerate() {
            state.adam.mean[i] = take(&format!("adamw.mean.{}", tensor.name), tensor.data.len())?;
            state.adam.square[i] = take(&format!("adamw.square.{}", tensor.name), tensor.data.len())?;
        }
        for (name, table) in state.model.tables.named_mut() {
            table.restore(take(&format!("adagrad.{name}"), table.accumulator().len())?);
        }
        for tensor in &mut state.model.extra {
            tensor.data = take(&tensor.name, tensor.data.len())?;
        }
        let counters = take(COUNTERS, 6 * DIGITS)?;
        let mut numbers = counters.chunks_exact(DIGITS).map(number);
        let mut next = || numbers.next().unwrap_or(0);
        state.counters =
            Counters { step: next(), skipped: next(), skipped_in_row: next(), since_best: next(), best_step: next() };
        state.adam.steps = next();
        state.best = f64::from_bits(number(&take(BEST, DIGITS)?));
        Ok(state)
    }
}

/// A count takes this many values of 16 bits each: an f32 holds whole numbers exactly up to 2^24 only.
const DIGITS: usize = 4;

fn digits(n: u64) -> [f32; DIGITS] {
    std::array::from_fn(|i| f32::from((n >> (16 * i)) as u16))
}

fn number(digits: &[f32]) -> u64 {
    digits.iter().rev().fold(0, |n, &digit| n << 16 | digit as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_survive_as_floats() {
        for n in [0, 1, 65_535, 65_536, (1 << 24) + 1, u64::MAX] {
            assert_eq!(number(&digits(n)), n);
        }
    }
}
