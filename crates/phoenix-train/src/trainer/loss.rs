//! What differs between the two models' trainings.

use model_registry::NamedTensor;
use phoenix::{ModelKind, Pass};
use train_core::{Evaluation, NotFinite, Size, StepPlan, TrainError, Workers};

use super::model::{Model, StepGradients};
use super::workspace::Workspaces;

/// One of the two models' losses.
pub(crate) trait Loss {
    fn kind(&self) -> ModelKind;

    /// What is learned in addition to the model, at its start.
    fn extra(&self) -> Vec<NamedTensor>;

    /// Changes a new model's start.
    fn prepare(&self, model: &mut Model) -> Result<(), TrainError>;

    /// The passes that hold something to learn, by their number in the training part, with what each costs.
    fn passes(&self) -> Vec<(u32, Size)>;

    /// Loss and gradients of a step.
    fn step(
        &self,
        model: &Model,
        plan: &StepPlan,
        workers: &Workers,
    ) -> Result<Result<StepGradients, NotFinite>, TrainError>;

    /// Called when the extra tensors were changed by a step, to keep them in their range.
    fn constrain(&self, _extra: &mut [NamedTensor]) {}

    /// The measures on the validation part; `None` without one.
    fn evaluate(&self, model: &Model, workers: &Workers) -> Result<Option<Evaluation>, TrainError>;

    /// Where threads' buffers are kept between steps.
    fn workspaces(&self) -> &Workspaces;

    /// The measures that are drawn.
    fn measures(&self) -> &'static [&'static str];
}

/// What a pass costs that trains all its candidates: the history is its sequence, the candidates its targets.
pub(crate) fn size_of(pass: &Pass) -> Size {
    Size { sequence: pass.history.len(), targets: pass.candidates.len() }
}
