//! What the loop asks of a model's training.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::ActionSet;
use model_registry::{CheckpointError, Kind, Manifest, NamedTensor};
use serde_json::value::RawValue;

use crate::batches::Size;
use crate::error::TrainError;
use crate::folder::DataMark;
use crate::recipe::RunRecipe;
use crate::saved::{Saved, TrainingState};
use crate::workers::Workers;

/// The units of a step.
#[derive(Clone, Debug)]
pub struct StepPlan {
    /// Numbers of the units, a list per thread.
    pub shards: Vec<Vec<u32>>,
    /// The step, from 0.
    pub step: u64,
    /// The seed of the run: with the step, all that randomness may depend on.
    pub seed: u64,
}

/// What a step's units say.
#[derive(Clone, Debug)]
pub struct Step<G> {
    /// Mean loss of the examples.
    pub loss: f64,
    /// Examples learned from.
    pub examples: usize,
    /// How the model is to change.
    pub gradients: G,
}

/// The name of a tensor that is not finite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite(pub String);

/// Measures by name, and the one number that decides which model is best.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The measures.
    pub metrics: BTreeMap<String, f64>,
    /// More, for the metrics file alone.
    pub details: BTreeMap<String, f64>,
    /// Less is better.
    pub criterion: f64,
}

/// A model that begins from another run's checkpoint.
#[derive(Debug)]
pub struct Started<M> {
    /// The model.
    pub model: M,
    /// A hash of everything in the checkpoint: a run can be resumed with the same one only.
    pub fingerprint: String,
}

/// The training of one kind of model on some data.
///
/// The model is what is changed by steps: its values and what its optimisers keep. Everything that decides the result must be in
/// [`Self::recipe`], [`Self::data`], the seed or the number of threads. Two calls with the same arguments give the same bits.
pub trait Objective {
    /// A model under training.
    type Model;
    /// What a step computes for [`Self::apply`].
    type Gradients;

    /// The kind of its checkpoints.
    fn kind(&self) -> Kind;

    /// What the heads predict.
    fn action_set(&self) -> &ActionSet;

    /// Every setting, as `config.json` of a run has it.
    fn recipe(&self) -> Result<Box<RawValue>, serde_json::Error>;

    /// The part of the recipe that the loop follows.
    fn run_recipe(&self) -> RunRecipe;

    /// Tells the data from other data.
    fn data(&self) -> DataMark;

    /// The units that hold something to learn, by a number of the objective's own, with what each costs.
    fn units(&self) -> Vec<(u32, Size)>;

    /// The model before its first step.
    fn initial(&self, seed: u64) -> Result<Self::Model, TrainError>;

    /// The model before its first step, from the checkpoint of another run (with or without a training's state).
    fn start_from(&self, checkpoint: &Path) -> Result<Started<Self::Model>, TrainError>;

    /// Reads what [`Self::save`] wrote with a [`Self::state`]. A checkpoint that is not of this recipe is refused.
    fn load(&self, checkpoint: &Path, state: &mut Saved) -> Result<Self::Model, TrainError>;

    /// Loss and gradients of a step, or the first tensor in it that is not finite.
    fn step(
        &self,
        model: &Self::Model,
        plan: &StepPlan,
        workers: &Workers,
    ) -> Result<Result<Step<Self::Gradients>, NotFinite>, TrainError>;

    /// Changes the model by a step; `rate` is the schedule's factor on the learning rates. Gives the norm of the gradients before
    /// clipping.
    fn apply(&self, model: &mut Self::Model, gradients: Self::Gradients, rate: f32) -> f64;

    /// The measures on the validation part; `None` without one.
    fn evaluate(&self, model: &Self::Model, workers: &Workers) -> Result<Option<Evaluation>, TrainError>;

    /// The measures that are drawn, under the loss.
    fn measures(&self) -> &'static [&'static str];

    /// Number of values that are learned.
    fn parameters(&self, model: &Self::Model) -> u64;

    /// What training needs to continue, in addition to the model.
    fn state(&self, model: &Self::Model) -> TrainingState;

    /// Writes a checkpoint of the model, with these measures in its manifest ([`Manifest::metrics`]), replacing the one in `folder`.
    fn save(
        &self,
        model: &Self::Model,
        metrics: &BTreeMap<String, f64>,
        folder: &Path,
        state: Option<&[NamedTensor]>,
    ) -> Result<(), CheckpointError>;

    /// Whether a checkpoint's manifest can be of this run, which began with `seed`.
    fn is_of_run(&self, manifest: &Manifest, seed: u64) -> bool {
        manifest.kind == self.kind() && manifest.seed == seed && manifest.action_set == *self.action_set()
    }
}
