//! The Phoenix models in a stream.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_settings::Layers;
use model_registry::{Kind, ModelFiles};
use phoenix::{ModelKind, Phoenix};
use phoenix_engine::Precision;
use phoenix_train::{DataError, DataOptions, Recipe, TrainingData};
use serde_json::Value;
use train_core::optim::Decay;
use train_core::{RunOptions, TrainError};

use super::learner::{Learner, Lesson, Trainable};
use crate::ExperimentError;
use crate::error::During;
use crate::ready::Ready;

/// One of the Phoenix models.
pub(crate) struct PhoenixModel(pub(crate) ModelKind);

impl PhoenixModel {
    /// Nothing is held back: the newest events are worth most, and every event is a test before it is learned. Retrieval is not corrected
    /// for how often posts are drawn (logQ): what is popular now is what people will want next, and a new post without any actions
    /// ranks between posts that are popular now and posts that no longer are.
    fn recipe(&self) -> Recipe {
        let mut recipe = Recipe::of(self.0);
        recipe.data.validation_share = 0.0;
        if let Some(sampling) = &mut recipe.sampling {
            sampling.frequency_correction = false;
        }
        recipe
    }
}

impl Trainable for PhoenixModel {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn kind(&self) -> Kind {
        self.0.into()
    }

    fn defaults(&self) -> Result<Value, ExperimentError> {
        rendered(&self.recipe())
    }

    fn learner(&self, settings: &[&str], refresh_factor: f64) -> Result<Box<dyn Learner>, ExperimentError> {
        let (name, default) = (self.name(), self.recipe());
        let section = BTreeMap::from([(name, &default)]);
        let read = Layers::over(&section)
            .and_then(|layers| settings.iter().try_fold(layers, |layers, text| layers.assignment("--set", text)))
            .and_then(|layers| layers.extract::<BTreeMap<String, Recipe>>());
        let mut read = read.map_err(|error| ExperimentError::Usage(error.to_string()))?;
        let first = read.remove(name).unwrap_or(default);
        first.check().map_err(|error| ExperimentError::Usage(format!("--set: {name}.{error}")))?;
        let refresh = refreshed(&first, refresh_factor);
        Ok(Box::new(PhoenixLearner { kind: self.0, first, refresh }))
    }
}

/// The recipe of a refresh: one pass at a constant, smaller rate.
fn refreshed(recipe: &Recipe, factor: f64) -> Recipe {
    let mut recipe = recipe.clone();
    recipe.epochs = 1;
    recipe.schedule.warm_up = 0.0;
    recipe.schedule.decay = Decay::Constant;
    recipe.dense.learning_rate *= factor;
    recipe.tables.learning_rate *= factor;
    recipe
}

fn rendered(recipe: &Recipe) -> Result<Value, ExperimentError> {
    serde_json::to_value(recipe).during(|| "rendering the recipes".to_owned())
}

struct PhoenixLearner {
    kind: ModelKind,
    first: Recipe,
    refresh: Recipe,
}

impl Learner for PhoenixLearner {
    fn recipes(&self) -> Result<[Value; 2], ExperimentError> {
        Ok([rendered(&self.first)?, rendered(&self.refresh)?])
    }

    fn learn(&self, lesson: &Lesson<'_>) -> Result<u64, ExperimentError> {
        let Lesson { log, profile, since, until, from, run, seed, threads, stop } = *lesson;
        let recipe = if from.is_some() { &self.refresh } else { &self.first };
        let options = DataOptions { since, until: Some(until), seed, ..recipe.data_options() };
        let data = match TrainingData::load(log, profile, &options, &|_, _| {}) {
            Err(DataError::Empty(_)) if from.is_some() => return Ok(0),
            data => data?,
        };
        let options = RunOptions { threads, seed, resume: false, from, stop, progress: &() };
        match phoenix_train::train(self.kind, &data, recipe, &profile.action_set, run, &options) {
            Err(TrainError::Empty(_)) if from.is_some() => Ok(0),
            Ok(outcome) if outcome.stopped => Err(ExperimentError::Stopped),
            outcome => outcome.map(|_| data.candidates()).map_err(Into::into),
        }
    }

    fn load(&self, checkpoint: &Path) -> Result<Ready, ExperimentError> {
        let name = checkpoint.display().to_string();
        let files = ModelFiles::open(checkpoint).during(|| format!("loading {name}"))?;
        Ready::of(&Phoenix, &files, Precision::F32, &name)
    }
}
