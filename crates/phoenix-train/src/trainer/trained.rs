//! A model under training with the state of its optimisers.

use model_registry::NamedTensor;
use train_core::optim::AdamW;
use train_core::{Saved, TrainError, TrainingState};

use super::model::Model;

/// What a step changes. The tables hold the accumulators of their own optimiser.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trained {
    pub(crate) model: Model,
    /// Moments of the dense tensors, then of the extra ones.
    pub(crate) adam: AdamW,
}

impl Trained {
    pub(crate) fn new(model: Model) -> Self {
        let adam = AdamW::new(model.dense.iter().chain(&model.extra).map(|tensor| tensor.data.len()));
        Self { model, adam }
    }

    /// What is learned in addition to the model, and the state of the optimisers.
    pub(crate) fn state(&self) -> TrainingState {
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
        TrainingState { tensors, counts: vec![self.adam.steps] }
    }

    /// Takes up what [`Self::state`] gave.
    pub(crate) fn restore(&mut self, saved: &mut Saved) -> Result<(), TrainError> {
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
        [self.adam.steps] = saved.counts()?;
        Ok(())
    }
}
