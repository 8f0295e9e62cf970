//! The state of a run: in memory, and in the checkpoint it continues from.

use std::path::Path;

use model_registry::{CheckpointError, ModelFiles, NamedTensor};
use phoenix::Checkpoint;

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

    /// Writes the last checkpoint, with all that is needed to continue.
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

    /// Reads what [`Self::save`] wrote; `extra` names what is learned in addition to the model.
    pub(crate) fn load(folder: &Path, extra: Vec<NamedTensor>) -> Result<Self, TrainError> {
        let mut state = Self::new(Model::new(Checkpoint::load(folder)?, extra));
        let mut saved = Saved::read(folder)?;
        state.restore(&mut saved)?;
        state.counters = saved.counters()?.0;
        state.best = f64::from_bits(number(&saved.take(BEST, DIGITS)?));
        Ok(state)
    }

    /// Takes up what was learned in addition to the model, and the state of the optimisers.
    pub(crate) fn restore(&mut self, saved: &mut Saved<'_>) -> Result<(), TrainError> {
        for (i, tensor) in self.model.dense.iter().chain(&self.model.extra).enumerate() {
            self.adam.mean[i] = saved.take(&format!("adamw.mean.{}", tensor.name), tensor.data.len())?;
            self.adam.square[i] = saved.take(&format!("adamw.square.{}", tensor.name), tensor.data.len())?;
        }
        for (name, table) in self.model.tables.named_mut() {
            table.restore(saved.take(&format!("adagrad.{name}"), table.accumulator().len())?);
        }
        for tensor in &mut self.model.extra {
            tensor.data = saved.take(&tensor.name, tensor.data.len())?;
        }
        // Moments belong to the number of steps they have seen.
        self.adam.steps = saved.counters()?.1;
        Ok(())
    }
}

/// What a checkpoint holds in addition to its model.
pub(crate) struct Saved<'a> {
    folder: &'a Path,
    tensors: Vec<NamedTensor>,
}

impl<'a> Saved<'a> {
    pub(crate) fn read(folder: &'a Path) -> Result<Self, CheckpointError> {
        Ok(Self { folder, tensors: ModelFiles::training_state(folder)? })
    }

    /// As [`Self::read`]; none where the checkpoint holds a model alone.
    pub(crate) fn read_if_there(folder: &'a Path) -> Result<Option<Self>, CheckpointError> {
        match Self::read(folder) {
            Err(error) if error.is_not_found() => Ok(None),
            saved => saved.map(Some),
        }
    }

    /// The tensors, in the order of the file.
    pub(crate) fn tensors(&self) -> &[NamedTensor] {
        &self.tensors
    }

    fn problem(&self, problem: String) -> TrainError {
        TrainError::Folder { folder: self.folder.to_owned(), problem }
    }

    /// The values of a tensor, which must be `len`.
    fn take(&mut self, name: &str, len: usize) -> Result<Vec<f32>, TrainError> {
        let at = self.tensors.iter().position(|tensor| tensor.name == name);
        let Some(tensor) = at.map(|at| self.tensors.swap_remove(at)) else {
            return Err(self.problem(format!("the optimiser's tensor {name} is missing")));
        };
        if tensor.data.len() != len {
            let problem = format!("the optimiser's tensor {name} has {} values, not {len}", tensor.data.len());
            return Err(self.problem(problem));
        }
        Ok(tensor.data)
    }

    /// How far the run was, and the optimiser's steps.
    fn counters(&self) -> Result<(Counters, u64), TrainError> {
        let tensor = self.tensors.iter().find(|tensor| tensor.name == COUNTERS && tensor.data.len() == 6 * DIGITS);
        let Some(tensor) = tensor else {
            return Err(self.problem(format!("the optimiser's tensor {COUNTERS} is missing, or not of this version")));
        };
        let mut numbers = tensor.data.chunks_exact(DIGITS).map(number);
        let mut next = || numbers.next().unwrap_or(0);
        let counters =
            Counters { step: next(), skipped: next(), skipped_in_row: next(), since_best: next(), best_step: next() };
        Ok((counters, next()))
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
