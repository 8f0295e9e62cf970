//! Logistic regression in plain f32: a family for the registry and an objective for the loop, and that is all a new kind of model takes.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::{ActionSet, Rng, SplitMix64};
use model_registry::{CheckpointError, Family, Kind, Manifest, ModelFiles, NamedTensor, Stored, TensorView, save};
use serde::Serialize;
use serde_json::value::RawValue;
use train_core::optim::Decay;
use train_core::{
    DataMark, Evaluation, NotFinite, Objective, RunRecipe, Saved, ScheduleRecipe, Size, Started, Step, StepPlan,
    StoppingRecipe, TrainError, TrainingState, Workers, stream,
};

const KIND: Kind = Kind::constant("logistic");

/// A point and whether it is above the line.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) x: [f32; 3],
    pub(crate) above: bool,
}

/// Points on both sides of a line; the third coordinate is the constant.
pub(crate) fn points(count: usize, seed: u64) -> Vec<Point> {
    let mut rng = SplitMix64::new(seed);
    (0..count)
        .map(|_| {
            let [a, b] = [(); 2].map(|()| (rng.uniform() * 2.0 - 1.0) as f32);
            Point { x: [a, b, 1.0], above: 2.0 * a - b + 0.2 > 0.0 }
        })
        .collect()
}

/// Weights, and the momentum of the optimiser.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    pub(crate) weights: [f32; 3],
    momentum: [f32; 3],
    steps: u64,
    seed: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Recipe {
    pub(crate) learning_rate: f32,
    pub(crate) epochs: u32,
    pub(crate) stopping: StoppingRecipe,
}

impl Default for Recipe {
    fn default() -> Self {
        let stopping = StoppingRecipe {
            evaluate_every: Some(4),
            patience: 0,
            max_seconds: None,
            max_skipped_steps: 2,
            log_every: 1,
        };
        Self { learning_rate: 0.5, epochs: 3, stopping }
    }
}

/// The training on some points.
pub(crate) struct Logistic {
    pub(crate) train: Vec<Point>,
    pub(crate) held_out: Vec<Point>,
    pub(crate) recipe: Recipe,
    pub(crate) action_set: ActionSet,
}

impl Logistic {
    pub(crate) fn new(recipe: Recipe) -> Self {
        let action_set = ActionSet::discrete(1, &[("above", 1.0)]);
        Self { train: points(64, 1), held_out: points(40, 2), recipe, action_set }
    }

    /// The sums of the losses and gradients of a shard.
    fn shard(&self, model: &Model, plan: &StepPlan, units: &[u32]) -> (f64, [f32; 3]) {
        let (mut loss, mut gradient) = (0.0, [0.0; 3]);
        for &unit in units {
            let Point { mut x, above } = self.train[unit as usize];
            // Noise that follows from seed, step and unit alone.
            x[0] += (stream(plan.seed, "noise", plan.step, unit.into()).normal() * 0.01) as f32;
            let p = probability(&model.weights, &x);
            loss += cross_entropy(p, above);
            gradient.iter_mut().zip(x).for_each(|(g, x)| *g += (p - f32::from(u8::from(above))) * x);
        }
        (loss, gradient)
    }
}

fn probability(weights: &[f32; 3], x: &[f32; 3]) -> f32 {
    let z: f32 = weights.iter().zip(x).map(|(w, x)| w * x).sum();
    1.0 / (1.0 + (-z).exp())
}

fn cross_entropy(p: f32, above: bool) -> f64 {
    let p = f64::from(if above { p } else { 1.0 - p });
    -p.max(1e-12).ln() + if p.is_nan() { f64::NAN } else { 0.0 }
}

impl Objective for Logistic {
    type Model = Model;
    type Gradients = [f32; 3];

    fn kind(&self) -> Kind {
        KIND
    }

    fn action_set(&self) -> &ActionSet {
        &self.action_set
    }

    fn recipe(&self) -> Result<Box<RawValue>, serde_json::Error> {
        serde_json::value::to_raw_value(&self.recipe)
    }

    fn run_recipe(&self) -> RunRecipe {
        let schedule = ScheduleRecipe { warm_up: 0.0, decay: Decay::Linear };
        RunRecipe { epochs: self.recipe.epochs, tokens_per_step: 8, schedule, stopping: self.recipe.stopping.clone() }
    }

    fn data(&self) -> DataMark {
        DataMark { sizes: [self.train.len() as u64, 0, 0], events: 5 }
    }

    fn units(&self) -> Vec<(u32, Size)> {
        (0..self.train.len() as u32).map(|unit| (unit, Size { sequence: 0, targets: 0 })).collect()
    }

    fn initial(&self, seed: u64) -> Result<Model, TrainError> {
        let mut rng = SplitMix64::fork(seed, "weights");
        Ok(Model { weights: [(); 3].map(|()| rng.normal() as f32), momentum: [0.0; 3], steps: 0, seed })
    }

    fn start_from(&self, checkpoint: &Path) -> Result<Started<Model>, TrainError> {
        let read = read(&ModelFiles::open(checkpoint)?)?;
        let fingerprint = format!("{:?}", read.weights);
        Ok(Started { model: read, fingerprint })
    }

    fn load(&self, checkpoint: &Path, state: &mut Saved) -> Result<Model, TrainError> {
        let model = read(&ModelFiles::open(checkpoint)?)?;
        let momentum = state.take("momentum", 3)?;
        let [steps] = state.counts()?;
        Ok(Model { momentum: [momentum[0], momentum[1], momentum[2]], steps, ..model })
    }

    fn step(
        &self,
        model: &Model,
        plan: &StepPlan,
        workers: &Workers,
    ) -> Result<Result<Step<[f32; 3]>, NotFinite>, TrainError> {
        let examples = plan.shards.iter().map(Vec::len).sum::<usize>();
        let (mut loss, mut gradients) = (0.0, [0.0; 3]);
        for (part, gradient) in workers.map(plan.shards.iter().collect(), |units| self.shard(model, plan, units)) {
            loss += part / examples as f64;
            gradients.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g / examples as f32);
        }
        if !loss.is_finite() {
            return Ok(Err(NotFinite("the points".to_owned())));
        }
        Ok(Ok(Step { loss, examples, gradients }))
    }

    fn apply(&self, model: &mut Model, gradients: [f32; 3], rate: f32) -> f64 {
        for ((w, m), g) in model.weights.iter_mut().zip(&mut model.momentum).zip(gradients) {
            *m = 0.9 * *m + g;
            *w -= self.recipe.learning_rate * rate * *m;
        }
        model.steps += 1;
        gradients.iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt()
    }

    fn evaluate(&self, model: &Model, _: &Workers) -> Result<Option<Evaluation>, TrainError> {
        let count = self.held_out.len() as f64;
        let mean = |f: &dyn Fn(&Point, f32) -> f64| {
            self.held_out.iter().map(|point| f(point, probability(&model.weights, &point.x))).sum::<f64>() / count
        };
        let loss = mean(&|point, p| cross_entropy(p, point.above));
        let accuracy = mean(&|point, p| f64::from(u8::from((p > 0.5) == point.above)));
        let metrics = BTreeMap::from([("loss".to_owned(), loss), ("accuracy".to_owned(), accuracy)]);
        let details = BTreeMap::from([("steps".to_owned(), model.steps as f64)]);
        Ok(Some(Evaluation { metrics, details, criterion: loss }))
    }

    fn measures(&self) -> &'static [&'static str] {
        &["accuracy"]
    }

    fn parameters(&self, _: &Model) -> u64 {
        3
    }

    fn state(&self, model: &Model) -> TrainingState {
        let momentum = NamedTensor { name: "momentum".to_owned(), shape: vec![3], data: model.momentum.to_vec() };
        TrainingState { tensors: vec![momentum], counts: vec![model.steps] }
    }

    fn save(
        &self,
        model: &Model,
        metrics: &BTreeMap<String, f64>,
        folder: &Path,
        state: Option<&[NamedTensor]>,
    ) -> Result<(), CheckpointError> {
        let saved = SavedModel { weights: model.weights, seed: model.seed, metrics, action_set: &self.action_set };
        save(&saved, folder, state)
    }
}

/// A model as it is saved.
pub(crate) struct SavedModel<'a> {
    pub(crate) weights: [f32; 3],
    pub(crate) seed: u64,
    pub(crate) metrics: &'a BTreeMap<String, f64>,
    pub(crate) action_set: &'a ActionSet,
}

impl Stored for SavedModel<'_> {
    fn manifest(&self) -> Manifest {
        Manifest {
            family: "logistic".to_owned(),
            kind: KIND,
            action_set: self.action_set.clone(),
            seed: self.seed,
            trained_until: None,
            metrics: self.metrics.clone(),
            files: vec!["weights".to_owned()],
            payload: serde_json::json!({"inputs": 3}),
        }
    }

    fn tensors(&self, _: &str) -> Vec<TensorView<'_>> {
        vec![TensorView { name: "w", shape: vec![3], data: &self.weights }]
    }

    fn check(&self, folder: &Path) -> Result<(), CheckpointError> {
        self.tensors("weights")[0].check(&folder.join("weights.safetensors"), &[3])
    }
}

/// The family, for a registry.
#[derive(Debug)]
pub(crate) struct LogisticFamily;

impl Family for LogisticFamily {
    fn name(&self) -> &'static str {
        "logistic"
    }

    fn problem(&self, manifest: &Manifest) -> Option<String> {
        (manifest.payload["inputs"] != 3).then(|| "payload.inputs: must be 3".to_owned())
    }

    fn check(&self, files: &ModelFiles) -> Result<(), CheckpointError> {
        read(files).map(drop)
    }
}

/// Reads a model without a training's state.
pub(crate) fn read(files: &ModelFiles) -> Result<Model, CheckpointError> {
    let mut tensors = files.tensors("weights")?;
    let w = tensors.take("w", &[3])?.data;
    tensors.finish()?;
    Ok(Model { weights: [w[0], w[1], w[2]], momentum: [0.0; 3], steps: 0, seed: files.manifest().seed })
}
