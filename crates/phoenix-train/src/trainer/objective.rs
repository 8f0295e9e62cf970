//! What the run asks of a model's training.

use model_registry::NamedTensor;
use phoenix::ModelKind;

use super::error::TrainError;
use super::measure::Evaluation;
use super::model::{Model, StepResult};
use super::workers::Workers;
use crate::batches::Size;

/// The passes of a step.
#[derive(Clone, Debug)]
pub(crate) struct StepPlan {
    /// Numbers of the passes, a list per thread.
    pub(crate) shards: Vec<Vec<u32>>,
    /// The step, from 0.
    pub(crate) step: u64,
    pub(crate) seed: u64,
}

/// One of the two models' losses.
pub(crate) trait Objective {
    fn kind(&self) -> ModelKind;

    /// What is learned in addition to the model, at its start.
    fn extra(&self) -> Vec<NamedTensor>;

    /// Changes a new model's start.
    fn prepare(&self, model: &mut Model) -> Result<(), TrainError>;

    /// The passes that hold something to learn, by their number in the training part, with what each costs.
    fn passes(&self) -> Vec<(u32, Size)>;

    /// Loss and gradients of a step.
    fn step(&self, model: &Model, plan: &StepPlan, workers: &Workers) -> Result<StepResult, TrainError>;

    /// Called when the extra tensors were changed by a step, to keep them in their range.
    fn constrain(&self, _extra: &mut [NamedTensor]) {}

    /// The measures on the validation part; `None` without one.
    fn evaluate(&self, model: &Model, workers: &Workers) -> Result<Option<Evaluation>, TrainError>;

    /// The measures that are drawn.
    fn measures(&self) -> &'static [&'static str];
}
