//! A Phoenix model's training as the loop knows it.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::ActionSet;
use model_registry::{CheckpointError, Kind, NamedTensor};
use phoenix::{Checkpoint, CheckpointConfig, HashTables, TableSpec};
use serde_json::value::RawValue;
use train_core::optim::clip_global_norm;
use train_core::{
    DataMark, Evaluation, NotFinite, Objective, RunRecipe, Saved, Size, Started, Step, StepPlan, TrainError,
    TrainingState, Workers,
};

use super::loss::Loss;
use super::model::{Model, StepGradients};
use super::trained::Trained;
use super::warm_start::{self, Wanted};
use crate::data::TrainingData;
use crate::recipe::Recipe;

/// The training of one of the models on some data.
pub(crate) struct PhoenixObjective<'a> {
    pub(crate) data: &'a TrainingData,
    pub(crate) recipe: &'a Recipe,
    pub(crate) action_set: &'a ActionSet,
    pub(crate) loss: &'a dyn Loss,
}

impl PhoenixObjective<'_> {
    /// The model before its first step.
    pub(crate) fn new_model(&self, seed: u64) -> Result<Model, TrainError> {
        let tables = &self.recipe.tables;
        let mut hashes = HashTables::draw(&self.recipe.model, self.data.ids, seed);
        let set = |table: &mut TableSpec, rows: Option<u32>| table.rows = rows.unwrap_or(table.rows);
        set(&mut hashes.user, tables.user_rows);
        set(&mut hashes.post, tables.post_rows);
        set(&mut hashes.author, tables.author_rows);
        set(&mut hashes.text, tables.text_rows);
        let config = CheckpointConfig {
            kind: self.loss.kind(),
            model: self.recipe.model.clone(),
            action_set: self.action_set.clone(),
            hashes,
            seed,
            trained_until: Some(self.data.trained_until),
            metrics: BTreeMap::new(),
        };
        let mut model = Model::new(Checkpoint::initial(config, self.recipe.table_init()), self.loss.extra());
        self.loss.prepare(&mut model)?;
        Ok(model)
    }
}

impl Objective for PhoenixObjective<'_> {
    type Model = Trained;
    type Gradients = StepGradients;

    fn kind(&self) -> Kind {
        self.loss.kind().into()
    }

    fn action_set(&self) -> &ActionSet {
        self.action_set
    }

    fn recipe(&self) -> Result<Box<RawValue>, serde_json::Error> {
        serde_json::value::to_raw_value(self.recipe)
    }

    fn run_recipe(&self) -> RunRecipe {
        let Recipe { epochs, tokens_per_step, schedule, stopping, .. } = self.recipe.clone();
        RunRecipe { epochs, tokens_per_step, schedule, stopping }
    }

    /// Passes, tokens and candidates of the training part.
    fn data(&self) -> DataMark {
        let train = &self.data.train;
        let sum = |of: fn(&phoenix::Pass) -> usize| train.iter().map(|pass| of(pass) as u64).sum();
        let sizes = [train.len() as u64, sum(|pass| pass.history.len()), sum(|pass| pass.candidates.len())];
        DataMark { sizes, events: self.data.log_position.events() }
    }

    fn units(&self) -> Vec<(u32, Size)> {
        self.loss.passes()
    }

    fn initial(&self, seed: u64) -> Result<Trained, TrainError> {
        self.new_model(seed).map(Trained::new)
    }

    /// Dense tensors, tables with their sizes and hash functions, and the temperature of retrieval are taken over, and where the
    /// checkpoint has them the moments of AdamW and the accumulators of Adagrad. What a recipe says of starts and of tables' rows does
    /// not apply. Another model or action set is refused; weights of actions may differ.
    fn start_from(&self, checkpoint: &Path) -> Result<Started<Trained>, TrainError> {
        let wanted = Wanted {
            kind: self.loss.kind(),
            model: &self.recipe.model,
            action_set: self.action_set,
            trained_until: self.data.trained_until,
        };
        warm_start::load(checkpoint, &wanted, self.loss.extra())
    }

    fn load(&self, checkpoint: &Path, state: &mut Saved) -> Result<Trained, TrainError> {
        let read = Checkpoint::load(checkpoint)?;
        if read.config.model != self.recipe.model {
            let problem = "the checkpoint is of another run".to_owned();
            return Err(TrainError::Folder { folder: checkpoint.to_owned(), problem });
        }
        let mut trained = Trained::new(Model::new(read, self.loss.extra()));
        trained.restore(state)?;
        Ok(trained)
    }

    fn step(
        &self,
        trained: &Trained,
        plan: &StepPlan,
        workers: &Workers,
    ) -> Result<Result<Step<StepGradients>, NotFinite>, TrainError> {
        let result = self.loss.step(&trained.model, plan, workers)?;
        Ok(result.and_then(|gradients| {
            gradients.check(&trained.model)?;
            Ok(Step { loss: gradients.loss, examples: gradients.examples, gradients })
        }))
    }

    fn apply(&self, Trained { model, adam }: &mut Trained, mut gradients: StepGradients, rate: f32) -> f64 {
        let Model { dense, extra, tables, .. } = model;
        let of_tables = &gradients.tables;
        let mut rows = || tables.apply(of_tables, self.recipe.table_rules(rate));
        let of_dense = &mut gradients.dense;
        let mut step = || {
            let norm = clip_global_norm(of_dense, self.recipe.dense.clip_norm);
            let tensors = dense.iter_mut().chain(&mut *extra).zip(&*of_dense);
            let tensors = tensors.map(|(tensor, gradient)| {
                let decays = decays(&tensor.name, &tensor.shape);
                (&mut tensor.data[..], &gradient[..], decays)
            });
            adam.step(tensors, self.recipe.dense_rule(rate));
            self.loss.constrain(extra);
            norm
        };
        let norm = if gradients.threads > 1 {
            std::thread::scope(|scope| {
                scope.spawn(rows);
                step()
            })
        } else {
            rows();
            step()
        };
        self.loss.workspaces().recycle(gradients);
        norm
    }

    fn evaluate(&self, trained: &Trained, workers: &Workers) -> Result<Option<Evaluation>, TrainError> {
        self.loss.evaluate(&trained.model, workers)
    }

    fn measures(&self) -> &'static [&'static str] {
        self.loss.measures()
    }

    fn parameters(&self, trained: &Trained) -> u64 {
        trained.model.config.parameters()
    }

    fn state(&self, trained: &Trained) -> TrainingState {
        trained.state()
    }

    fn save(
        &self,
        trained: &Trained,
        metrics: &BTreeMap<String, f64>,
        folder: &Path,
        state: Option<&[NamedTensor]>,
    ) -> Result<(), CheckpointError> {
        let mut checkpoint = trained.model.snapshot();
        checkpoint.config.metrics.extend(metrics.clone());
        checkpoint.save(folder, state)
    }
}

/// Matrices fade; scales, and tables whose rows are looked up, do not: a rare row would only fade.
fn decays(name: &str, shape: &[usize]) -> bool {
    shape.len() == 2 && !name.ends_with("_table") && !name.ends_with("action_projection")
}
