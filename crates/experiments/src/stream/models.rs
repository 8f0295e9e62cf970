//! The models of a stream: trained on what came before, refreshed on what came since.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use foryou_settings::{Layers, SettingsError};
use foryou_types::TimeMs;
use phoenix::{Checkpoint, ModelKind};
use phoenix_engine::{Ranker, RetrievalModel};
use phoenix_train::{DataError, DataOptions, Recipe, TrainingData};
use serde::{Deserialize, Serialize};
use train_core::optim::Decay;
use train_core::{RunOptions, TrainError};

use super::Stream;
use crate::ExperimentError;
use crate::error::During;

/// Factor on the learning rates of a refresh: it continues from a trained model and sees its part of the log once.
const REFRESH_FACTOR: f64 = 0.3;

/// What may be set of a stream's trainings.
#[derive(Serialize, Deserialize)]
struct Settings {
    /// The first training of each model, by its name.
    #[serde(flatten)]
    models: BTreeMap<String, Recipe>,
    refresh: RefreshSettings,
}

/// How a refresh differs from the first training.
#[derive(Serialize, Deserialize)]
struct RefreshSettings {
    /// Factor on the learning rates.
    factor: f64,
}

/// How the models of a stream are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recipes {
    /// The first training of each model; a missing model is not trained.
    pub(crate) first: Vec<(ModelKind, Recipe)>,
    /// Every later one.
    pub(crate) refresh: Vec<(ModelKind, Recipe)>,
}

impl Recipes {
    /// The defaults for models, with settings `MODEL.KEY=VALUE` over them.
    ///
    /// Nothing is held back: the newest events are worth most, and every event is a test before it is learned. Retrieval is not corrected
    /// for how often posts are drawn (logQ): what is popular now is what people will want next, and a new post without any actions
    /// ranks between posts that are popular now and posts that no longer are.
    pub(crate) fn new(kinds: &[ModelKind], settings: &[String]) -> Result<Self, ExperimentError> {
        let default = |kind: &ModelKind| {
            let mut recipe = Recipe::of(*kind);
            recipe.data.validation_share = 0.0;
            if let Some(sampling) = &mut recipe.sampling {
                sampling.frequency_correction = false;
            }
            (kind.name().to_owned(), recipe)
        };
        let refresh = RefreshSettings { factor: REFRESH_FACTOR };
        let all = Settings { models: kinds.iter().map(default).collect(), refresh };
        let wrong = |error: SettingsError| ExperimentError::Usage(error.to_string());
        let set = |layers: Layers| settings.iter().try_fold(layers, |layers, text| layers.assignment("--set", text));
        let layers = Layers::over(&all).and_then(set).map_err(wrong)?;
        let Settings { mut models, refresh: RefreshSettings { factor } } = layers.extract().map_err(wrong)?;
        let first: Vec<_> = kinds.iter().filter_map(|kind| Some((*kind, models.remove(kind.name())?))).collect();
        for (kind, recipe) in &first {
            let wrong = |error| ExperimentError::Usage(format!("--set: {}.{error}", kind.name()));
            recipe.check().map_err(wrong)?;
        }
        if !(factor.is_finite() && factor > 0.0) {
            return Err(ExperimentError::Usage(format!("--set: refresh.factor: must be positive, is {factor}")));
        }
        let refresh = first.iter().map(|(kind, recipe)| (*kind, refreshed(recipe, factor))).collect();
        Ok(Self { first, refresh })
    }

    /// The history length of a model.
    pub(crate) fn history(&self, kind: ModelKind) -> usize {
        let of = |(k, recipe): &(ModelKind, Recipe)| (*k == kind).then_some(recipe.model.history_seq_len);
        self.first.iter().find_map(of).unwrap_or(1)
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

/// The current checkpoints of a stream, with their optimisers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoints {
    pub(crate) ranker: Option<PathBuf>,
    pub(crate) retrieval: Option<PathBuf>,
}

impl Checkpoints {
    pub(crate) fn of(&mut self, kind: ModelKind) -> &mut Option<PathBuf> {
        match kind {
            ModelKind::Ranker => &mut self.ranker,
            ModelKind::Retrieval => &mut self.retrieval,
        }
    }

    /// Loads them from the stream's folder.
    pub(crate) fn load(&self, folder: &Path) -> Result<Models, ExperimentError> {
        let checkpoint = |path: &PathBuf| {
            let path = folder.join(path);
            Checkpoint::load(&path).during(|| format!("loading {}", path.display()))
        };
        Ok(Models {
            ranker: self.ranker.as_ref().map(checkpoint).transpose()?.map(Ranker::from_owned).transpose()?,
            retrieval: self
                .retrieval
                .as_ref()
                .map(checkpoint)
                .transpose()?
                .map(RetrievalModel::from_owned)
                .transpose()?,
        })
    }
}

/// The models as they answer now.
#[derive(Debug, Default)]
pub(crate) struct Models {
    pub(crate) ranker: Option<Ranker>,
    pub(crate) retrieval: Option<RetrievalModel>,
}

/// Trains and refreshes.
pub(crate) struct Refresher<'a> {
    pub(crate) stream: &'a Stream<'a>,
    pub(crate) recipes: &'a Recipes,
    pub(crate) stop: &'a AtomicBool,
}

impl Refresher<'_> {
    /// Refresh number `number` (0 is the first training): every model learns the events between `since` and `until`. A model without
    /// new data stays as it is. Returns the number of posts learned from.
    pub(crate) fn refresh(
        &self,
        number: u32,
        since: Option<TimeMs>,
        until: TimeMs,
        checkpoints: &mut Checkpoints,
    ) -> Result<u64, ExperimentError> {
        let recipes = if number == 0 { &self.recipes.first } else { &self.recipes.refresh };
        let mut learned = 0;
        for (kind, recipe) in recipes {
            let from = checkpoints.of(*kind).clone();
            let name = format!("{number:05}-{}", kind.name());
            let n = self
                .train(*kind, recipe, since, until, from.as_deref(), &name)
                .during(|| format!("refreshing the {} at {until}", kind.name()))?;
            if n > 0 {
                *checkpoints.of(*kind) = Some(Path::new(&name).join("checkpoint"));
            }
            learned += n;
        }
        Ok(learned)
    }

    fn train(
        &self,
        kind: ModelKind,
        recipe: &Recipe,
        since: Option<TimeMs>,
        until: TimeMs,
        from: Option<&Path>,
        name: &str,
    ) -> Result<u64, ExperimentError> {
        let options =
            DataOptions { since, until: Some(until), seed: self.stream.options.seed, ..recipe.data_options() };
        let data = match TrainingData::load(self.stream.log, self.stream.profile, &options, &|_, _| {}) {
            Err(DataError::Empty(_)) if from.is_some() => return Ok(0),
            data => data?,
        };
        let run = self.stream.folder.join(name);
        // A killed run may have left files of this refresh.
        if run.exists() {
            std::fs::remove_dir_all(&run).during(|| format!("removing {}", run.display()))?;
        }
        let from = from.map(|from| self.stream.folder.join(from));
        let run_options = RunOptions {
            threads: self.stream.options.threads,
            seed: self.stream.options.seed,
            resume: false,
            from: from.as_deref(),
            stop: self.stop,
            progress: &(),
        };
        let actions = &self.stream.profile.action_set;
        let outcome = phoenix_train::train(kind, &data, recipe, actions, &run, &run_options);
        match outcome {
            Err(TrainError::Empty(_)) if from.is_some() => Ok(0),
            Ok(outcome) if outcome.stopped => Err(ExperimentError::Stopped),
            outcome => outcome.map(|_| data.candidates()).map_err(Into::into),
        }
    }

    /// Removes the folders of old checkpoints.
    pub(crate) fn tidy(&self, checkpoints: &Checkpoints) -> Result<(), ExperimentError> {
        let used: Vec<&Path> =
            [&checkpoints.ranker, &checkpoints.retrieval].into_iter().flatten().filter_map(|p| p.parent()).collect();
        let reading = || format!("reading {}", self.stream.folder.display());
        for entry in std::fs::read_dir(self.stream.folder).during(reading)? {
            let entry = entry.during(reading)?;
            let is_dir = entry.file_type().during(reading)?.is_dir();
            if is_dir && !used.iter().any(|used| used.as_os_str() == entry.file_name()) {
                let removing = || format!("removing {}", entry.path().display());
                std::fs::remove_dir_all(entry.path()).during(removing)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_their_model() {
        let both = [ModelKind::Ranker, ModelKind::Retrieval];
        let recipes = Recipes::new(&both, &["ranker.epochs=7".to_owned(), "refresh.factor=0.5".to_owned()]).unwrap();
        assert_eq!((recipes.first[0].1.epochs, recipes.refresh[0].1.epochs), (7, 1));
        let rate = |recipe: &Recipe| recipe.dense.learning_rate;
        assert_eq!(rate(&recipes.refresh[0].1), 0.5 * rate(&recipes.first[0].1));
        assert_eq!(recipes.history(ModelKind::Retrieval), recipes.first[1].1.model.history_seq_len);
        let error = |set: &str| Recipes::new(&both[..1], &[set.to_owned()]).unwrap_err().to_string();
        assert!(error("epochs").contains("expected KEY=VALUE"));
        assert!(error("epochs=1").contains("the nearest is \"ranker.epochs\""));
        assert!(error("retrieval.epochs=1").contains("there is no setting \"retrieval.epochs\""));
        assert!(error("ranker.epoch=1").contains("there is no setting \"ranker.epoch\""));
        assert!(error("ranker.epochs=0").starts_with("--set: ranker.epochs: must be between"));
        assert!(error("refresh.factor=-1").contains("must be positive"));
    }
}
