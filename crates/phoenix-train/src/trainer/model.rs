//! A model under training, and the gradients of a step.

use kernels::{AddTo, Kernels, SumOfSquares};
use model_registry::NamedTensor;
use phoenix::{Checkpoint, CheckpointConfig};
use train_core::NotFinite;

use crate::tables::{EmbeddingTables, TableGradients};

/// A model under training.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    pub(crate) config: CheckpointConfig,
    /// In the order of [`phoenix::dense_params`].
    pub(crate) dense: Vec<NamedTensor>,
    /// What is learned in addition to the model and is not part of it, e.g. the temperature of retrieval.
    pub(crate) extra: Vec<NamedTensor>,
    pub(crate) tables: EmbeddingTables,
}

impl Model {
    pub(crate) fn new(checkpoint: Checkpoint, extra: Vec<NamedTensor>) -> Self {
        let dim = checkpoint.config.model.emb_size;
        let tables = EmbeddingTables::new(dim, checkpoint.tables);
        Self { config: checkpoint.config, dense: checkpoint.dense, extra, tables }
    }

    /// A copy as a checkpoint. Numbers that are learned in addition to the model stand among its metrics: those outlast the optimiser's
    /// state, so that training can continue from a registered version.
    pub(crate) fn snapshot(&self) -> Checkpoint {
        let mut config = self.config.clone();
        for tensor in &self.extra {
            if let [value] = tensor.data[..] {
                config.metrics.insert(tensor.name.clone(), f64::from(value));
            }
        }
        Checkpoint { config, dense: self.dense.clone(), tables: self.tables.snapshot() }
    }
}

/// What a step's batch says.
#[derive(Clone, Debug)]
pub(crate) struct StepGradients {
    /// Mean loss of the examples.
    pub(crate) loss: f64,
    /// Examples: candidates of the ranker, positives of retrieval.
    pub(crate) examples: usize,
    /// Threads that may apply them.
    pub(crate) threads: usize,
    /// Of the dense tensors, then of the extra ones.
    pub(crate) dense: Vec<Vec<f32>>,
    pub(crate) tables: TableGradients,
}

impl StepGradients {
    /// The first gradient that is not finite, if any.
    pub(crate) fn check(&self, model: &Model) -> Result<(), NotFinite> {
        let names = model.dense.iter().chain(&model.extra).map(|tensor| &tensor.name);
        if let Some((name, _)) = names.zip(&self.dense).find(|(_, gradient)| !all_finite(gradient)) {
            return Err(NotFinite(format!("the gradient of {name}")));
        }
        match self.tables.named().into_iter().find(|(_, gradient)| !gradient.is_finite()) {
            Some((name, _)) => Err(NotFinite(format!("the gradient of table {name}"))),
            None => Ok(()),
        }
    }
}

/// Whether every value is finite.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    // A sum of squares may overflow although each value is finite.
    Kernels::native().run(SumOfSquares(values)).is_finite() || values.iter().all(|x| x.is_finite())
}

/// The first array of a batch that is not finite, else the first dense tensor, else `otherwise`: what made a loss not finite.
pub(crate) fn culprit(model: &Model, inputs: &[(&str, &[f32])], otherwise: &str) -> NotFinite {
    if let Some((name, _)) = inputs.iter().find(|(_, values)| !all_finite(values)) {
        return NotFinite(format!("input {name}"));
    }
    let dense = model.dense.iter().chain(&model.extra).find(|tensor| !all_finite(&tensor.data));
    NotFinite(dense.map_or_else(|| otherwise.to_owned(), |tensor| tensor.name.clone()))
}

/// Adds `b` to `a`, tensor by tensor.
pub(crate) fn add_all(a: &mut [Vec<f32>], b: &[Vec<f32>]) {
    let kernels = Kernels::native();
    for (a, b) in a.iter_mut().zip(b) {
        kernels.run(AddTo { sum: a, x: b, factor: 1.0 });
    }
}
