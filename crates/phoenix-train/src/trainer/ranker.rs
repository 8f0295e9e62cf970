//! Training the ranker: every position at once.
//!
//! A pass holds a viewer's window and all that was shown on the way; each candidate sees the history up to its own cut-off, so one
//! pass over the window trains all of them.

use std::ops::Range;

use foryou_types::{ActionKind, ActionSet};
use model_registry::NamedTensor;
use phoenix::ModelKind;
use train_core::{BatchPlan, Evaluation, NotFinite, Size, StepPlan, TrainError, Workers};

use super::assemble::{Batch, Dropout, Passes};
use super::heads::Heads;
use super::loss::{Loss, size_of};
use super::measure::{Prediction, measure};
use super::model::{Model, StepGradients, culprit};
use super::shard::ShardError;
use super::start;
use super::text_start::text_rows;
use super::workspace::{Workspace, Workspaces};
use crate::data::TrainingData;
use crate::recipe::{HeadRecipe, Recipe, StartRecipe};

/// The ranker's loss over the passes of a data set.
pub(crate) struct RankerLoss<'a> {
    data: &'a TrainingData,
    action_set: &'a ActionSet,
    heads: Heads,
    /// Share of the candidates that have an action, or the mean of a continuous one, `[A]`.
    rates: Vec<f64>,
    post_dropout: f64,
    start: StartRecipe,
    /// The passes of the evaluations' batches.
    validation: Vec<Vec<u32>>,
    workspaces: Workspaces,
}

impl<'a> RankerLoss<'a> {
    pub(crate) fn new(data: &'a TrainingData, action_set: &'a ActionSet, recipe: &Recipe, heads: &HeadRecipe) -> Self {
        let rates = base_rates(data, action_set);
        let sizes = data.validation.iter().map(size_of).collect();
        Self {
            data,
            action_set,
            heads: Heads::new(action_set, &rates, heads),
            rates,
            post_dropout: recipe.post_dropout,
            start: recipe.start.clone(),
            validation: BatchPlan::new(sizes, recipe.tokens_per_step, 0).in_order(),
            workspaces: Workspaces::default(),
        }
    }

    /// Loss and gradients of one thread's part of a step.
    fn shard(
        &self,
        model: &Model,
        plan: &StepPlan,
        numbers: &[u32],
        scale: f64,
    ) -> Result<(f64, Workspace), ShardError> {
        let mut space = self.workspaces.lend(ModelKind::Ranker, &model.config.model)?;
        match self.fill(&mut space, model, plan, numbers, scale) {
            Ok(loss) => Ok((loss, space)),
            Err(error) => {
                self.workspaces.give_back(space);
                Err(error)
            }
        }
    }

    /// The gradients of some passes, left in a workspace; answers the sum of their losses. Allocates nothing in a workspace that has
    /// seen passes of these sizes.
    pub(super) fn fill(
        &self,
        space: &mut Workspace,
        model: &Model,
        plan: &StepPlan,
        numbers: &[u32],
        scale: f64,
    ) -> Result<f64, ShardError> {
        let Workspace { network, batch, leaves, logits, slopes, dense, tables, .. } = space;
        let passes = Passes { all: &self.data.train, numbers };
        let dropout = Dropout { probability: self.post_dropout, seed: plan.seed, step: plan.step };
        batch.take(model, passes, Some(dropout), true);
        network.load(&model.dense)?;
        let mut loss = 0.0;
        let arrays = (&batch.history, &batch.candidates);
        network.train(&model.dense, arrays, (logits, slopes), leaves, |users, logits, slopes| {
            loss += self.losses(passes, users, batch, logits, scale, slopes);
        });
        if !loss.is_finite() {
            return Err(blame(model, passes, batch).into());
        }
        tables.clear();
        batch.scatter(model, leaves, tables);
        network.gradients(&model.dense, dense);
        Ok(loss)
    }

    /// The sum of the losses of some passes' candidates; derivatives times `scale` go to `slopes`, like the logits `[B, C, A]`.
    fn losses(
        &self,
        passes: Passes<'_>,
        places: Range<usize>,
        batch: &Batch,
        logits: &[f32],
        scale: f64,
        slopes: &mut [f32],
    ) -> f64 {
        let (c, a) = (batch.candidates.c, self.action_set.len());
        let mut sum = 0.0;
        for (i, pass) in passes.iter().enumerate().take(places.end).skip(places.start) {
            for (j, candidate) in pass.candidates.iter().enumerate() {
                let at = (i * c + j) * a..(i * c + j + 1) * a;
                sum += self.heads.loss(candidate, &logits[at.clone()], scale, &mut slopes[at]);
            }
        }
        sum
    }

    fn predict(&self, model: &Model, numbers: &[u32]) -> Result<(f64, Vec<Prediction>), TrainError> {
        let passes = Passes { all: &self.data.validation, numbers };
        let predicted = self.workspaces.with(ModelKind::Ranker, &model.config.model, |space| {
            let Workspace { network, batch, logits, slopes, .. } = space;
            batch.take(model, passes, None, true);
            network.load(&model.dense)?;
            network.logits(&model.dense, &batch.history, &batch.candidates, logits);
            slopes.resize(logits.len(), 0.0);
            let loss = self.losses(passes, 0..numbers.len(), batch, logits, 0.0, slopes);
            Ok((loss, batch.candidates.c, logits.clone()))
        });
        let (loss, c, logits) = predicted?;
        let a = self.action_set.len();
        let predictions = passes.iter().enumerate().flat_map(|(i, pass)| {
            let logits = &logits;
            pass.candidates.iter().enumerate().map(move |(j, candidate)| Prediction {
                logits: logits[(i * c + j) * a..(i * c + j + 1) * a].to_vec(),
                labels: candidate.labels,
                dwell_seconds: candidate.dwell_seconds,
                weight: candidate.weight,
                slate: candidate.slate,
                training_impressions: candidate.training_impressions,
            })
        });
        Ok((loss, predictions.collect()))
    }
}

impl RankerLoss<'_> {
    /// What a model predicts of the held-out candidates, in the order of their passes.
    pub(crate) fn predict_each(&self, model: &Model, workers: &Workers) -> Result<Vec<Prediction>, TrainError> {
        let batches: Vec<&[u32]> = self.validation.iter().map(Vec::as_slice).collect();
        let mut of_pass: Vec<Vec<Prediction>> = vec![Vec::new(); self.data.validation.len()];
        for (batch, part) in self.validation.iter().zip(workers.map(batches, |numbers| self.predict(model, numbers))) {
            let mut predictions = part?.1.into_iter();
            for &number in batch {
                let count = self.data.validation[number as usize].candidates.len();
                of_pass[number as usize] = predictions.by_ref().take(count).collect();
            }
        }
        Ok(of_pass.into_iter().flatten().collect())
    }
}

impl Loss for RankerLoss<'_> {
    fn kind(&self) -> ModelKind {
        ModelKind::Ranker
    }

    fn extra(&self) -> Vec<NamedTensor> {
        Vec::new()
    }

    fn prepare(&self, model: &mut Model) -> Result<(), TrainError> {
        start::scales(model, &self.start);
        text_rows(model, self.data, self.start.text_axes, self.start.text_scale);
        if self.start.similarity {
            start::similarity(model, self.start.sharpness);
        }
        if self.start.base_rates {
            start::base_rates(model, self.data, self.action_set, &self.rates)?;
        }
        Ok(())
    }

    fn passes(&self) -> Vec<(u32, Size)> {
        let passes = (0u32..).zip(&self.data.train).filter(|(_, pass)| !pass.candidates.is_empty());
        passes.map(|(number, pass)| (number, size_of(pass))).collect()
    }

    fn step(
        &self,
        model: &Model,
        plan: &StepPlan,
        workers: &Workers,
    ) -> Result<Result<StepGradients, NotFinite>, TrainError> {
        let passes = || plan.shards.iter().flatten().map(|&i| &self.data.train[i as usize]);
        let examples: usize = passes().map(|pass| pass.candidates.len()).sum();
        let scale = 1.0 / examples.max(1) as f64;
        let shards: Vec<&[u32]> = plan.shards.iter().filter(|s| !s.is_empty()).map(Vec::as_slice).collect();
        let (mut loss, mut spaces) = (0.0, Vec::with_capacity(shards.len()));
        for shard in workers.map(shards, |numbers| self.shard(model, plan, numbers, scale)) {
            match shard {
                Ok((of_shard, space)) => {
                    loss += of_shard;
                    spaces.push(space);
                }
                Err(ShardError::NotFinite(what)) => return Ok(Err(what)),
                Err(ShardError::Failed(e)) => return Err(e),
            }
        }
        let space = self.workspaces.sum(spaces, workers).ok_or(TrainError::Empty("a step without passes"))?;
        Ok(Ok(self.workspaces.gradients(space, loss * scale, examples, workers.count())))
    }

    fn evaluate(&self, model: &Model, workers: &Workers) -> Result<Option<Evaluation>, TrainError> {
        if self.validation.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&[u32]> = self.validation.iter().map(Vec::as_slice).collect();
        let (mut loss, mut predictions) = (0.0, Vec::new());
        for part in workers.map(batches, |numbers| self.predict(model, numbers)) {
            let (part_loss, part) = part?;
            loss += part_loss;
            predictions.extend(part);
        }
        loss /= predictions.len().max(1) as f64;
        Ok(Some(measure(self.action_set, loss, predictions)))
    }

    fn workspaces(&self) -> &Workspaces {
        &self.workspaces
    }

    fn measures(&self) -> &'static [&'static str] {
        &["ndcg@10", "auc", "normalised_entropy"]
    }
}

/// What made the loss of a batch not finite.
fn blame(model: &Model, passes: Passes<'_>, batch: &Batch) -> NotFinite {
    let labels: Vec<f32> =
        passes.iter().flat_map(|p| p.candidates.iter().flat_map(|c| [c.dwell_seconds, c.weight])).collect();
    let mut inputs = batch.inputs();
    inputs.push(("labels", &labels));
    culprit(model, &inputs, "logits")
}

/// Weighted means of the labels of the training part, `[A]`.
fn base_rates(data: &TrainingData, action_set: &ActionSet) -> Vec<f64> {
    let mut sums = vec![0.0; action_set.len()];
    let mut total = 0.0;
    for candidate in data.train.iter().flat_map(|pass| &pass.candidates) {
        let weight = f64::from(candidate.weight);
        total += weight;
        for (i, action) in action_set.iter() {
            sums[usize::from(i)] += weight
                * match action.kind {
                    ActionKind::Discrete => f64::from(u8::from(candidate.labels.has(i))),
                    ActionKind::Continuous => f64::from(candidate.dwell_seconds),
                };
        }
    }
    sums.into_iter().map(|sum| sum / f64::max(total, f64::MIN_POSITIVE)).collect()
}
