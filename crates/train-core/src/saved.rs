//! What a checkpoint of a run holds in addition to its model.

use std::path::{Path, PathBuf};

use model_registry::{CheckpointError, ModelFiles, NamedTensor};

use crate::error::TrainError;

/// What an objective needs to continue, in addition to its model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingState {
    /// Tensors, e.g. the moments of an optimiser. Their names must not begin with `run.`.
    pub tensors: Vec<NamedTensor>,
    /// Whole numbers, which are kept exactly.
    pub counts: Vec<u64>,
}

/// The tensor of the run's counters, and of the counts after them.
pub(crate) const COUNTERS: &str = "run.counters";
/// The tensor of the least criterion.
pub(crate) const BEST: &str = "run.best";

/// What a checkpoint holds in addition to its model.
#[derive(Debug)]
pub struct Saved {
    folder: PathBuf,
    tensors: Vec<NamedTensor>,
}

impl Saved {
    /// Reads it from a checkpoint.
    pub fn read(folder: &Path) -> Result<Self, CheckpointError> {
        Ok(Self { folder: folder.to_owned(), tensors: ModelFiles::training_state(folder)? })
    }

    /// As [`Self::read`]; none where the checkpoint holds a model alone.
    pub fn read_if_there(folder: &Path) -> Result<Option<Self>, CheckpointError> {
        match Self::read(folder) {
            Err(error) if error.is_not_found() => Ok(None),
            saved => saved.map(Some),
        }
    }

    /// The tensors, in the order of the file.
    pub fn tensors(&self) -> &[NamedTensor] {
        &self.tensors
    }

    fn problem(&self, problem: String) -> TrainError {
        TrainError::Folder { folder: self.folder.clone(), problem }
    }

    /// Takes the values of a tensor out, which must be `len`.
    pub fn take(&mut self, name: &str, len: usize) -> Result<Vec<f32>, TrainError> {
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

    /// The `N` whole numbers of [`TrainingState::counts`].
    pub fn counts<const N: usize>(&self) -> Result<[u64; N], TrainError> {
        self.numbers(5)
    }

    /// `N` whole numbers from the place `from` on.
    pub(crate) fn numbers<const N: usize>(&self, from: usize) -> Result<[u64; N], TrainError> {
        let tensor = self.tensors.iter().find(|tensor| tensor.name == COUNTERS);
        let places = tensor.and_then(|tensor| tensor.data.get(from * DIGITS..(from + N) * DIGITS));
        let Some(places) = places else {
            return Err(self.problem(format!("the optimiser's tensor {COUNTERS} is missing, or not of this version")));
        };
        Ok(std::array::from_fn(|i| number(&places[i * DIGITS..(i + 1) * DIGITS])))
    }
}

/// A count takes this many values of 16 bits each: an f32 holds whole numbers exactly up to 2^24 only.
pub(crate) const DIGITS: usize = 4;

/// A count as the values of a tensor.
pub(crate) fn digits(n: u64) -> [f32; DIGITS] {
    std::array::from_fn(|i| f32::from((n >> (16 * i)) as u16))
}

/// The count that [`digits`] made values of.
pub(crate) fn number(digits: &[f32]) -> u64 {
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
