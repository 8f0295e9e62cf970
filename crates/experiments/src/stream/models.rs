//! The models of a stream: trained on what came before, refreshed on what came since.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use event_log::EventSource;
use foryou_settings::{Layers, SettingsError};
use foryou_types::{Profile, TimeMs};
use model_registry::Kind;
use phoenix::ModelKind;
use phoenix_engine::{AnyRanker, ServedRetrieval};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::learner::{Learner, Lesson, Trainable};
use super::phoenix_model::PhoenixModel;
use crate::ExperimentError;
use crate::error::During;
use crate::ready::Ready;

/// The models that a stream trains, in this order. One more is one more line. The first that retrieves makes the shortlist, and the first
/// that ranks is blended with counts.
pub(crate) const MODELS: &[&dyn Trainable] = &[&PhoenixModel(ModelKind::Ranker), &PhoenixModel(ModelKind::Retrieval)];

/// Factor on the learning rates of a refresh: it continues from a trained model and sees its part of the log once.
const REFRESH_FACTOR: f64 = 0.3;

/// The settings of a stream that are of no single model.
#[derive(Deserialize)]
struct Shared {
    refresh: RefreshSettings,
}

/// How a refresh differs from the first training.
#[derive(Serialize, Deserialize)]
struct RefreshSettings {
    /// Factor on the learning rates.
    factor: f64,
}

/// The models of one stream, with their settings.
pub(crate) struct Learners(Vec<Named>);

struct Named {
    name: &'static str,
    kind: Kind,
    learner: Box<dyn Learner>,
}

impl Learners {
    /// Models, with settings `MODEL.KEY=VALUE` over their defaults.
    pub(crate) fn new(models: &[&dyn Trainable], settings: &[String]) -> Result<Self, ExperimentError> {
        let mut defaults = BTreeMap::new();
        for model in models {
            defaults.insert(model.name(), model.defaults()?);
        }
        defaults.insert("refresh", json!(RefreshSettings { factor: REFRESH_FACTOR }));
        // All settings together know every key; then each model reads its own.
        let wrong = |error: SettingsError| ExperimentError::Usage(error.to_string());
        let set = |layers: Layers| settings.iter().try_fold(layers, |layers, text| layers.assignment("--set", text));
        let layers = Layers::over(&defaults).and_then(set).map_err(wrong)?;
        let Shared { refresh: RefreshSettings { factor } } = layers.extract().map_err(wrong)?;
        if !(factor.is_finite() && factor > 0.0) {
            return Err(ExperimentError::Usage(format!("--set: refresh.factor: must be positive, is {factor}")));
        }
        let named = models.iter().map(|model| {
            let (name, kind) = (model.name(), model.kind());
            let is_own = |text: &&str| text.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
            let own: Vec<&str> = settings.iter().map(String::as_str).filter(is_own).collect();
            Ok(Named { name, kind, learner: model.learner(&own, factor)? })
        });
        Ok(Self(named.collect::<Result<_, ExperimentError>>()?))
    }

    /// The names of the models that do this, in order.
    pub(crate) fn named(&self, kind: &Kind) -> Vec<&'static str> {
        self.0.iter().filter(|model| model.kind == *kind).map(|model| model.name).collect()
    }

    /// What determines what they learn.
    pub(crate) fn recipes(&self) -> Result<Value, ExperimentError> {
        let (mut first, mut refresh) = (Vec::new(), Vec::new());
        for Named { name, learner, .. } in &self.0 {
            let [of_first, of_refresh] = learner.recipes()?;
            first.push((name, of_first));
            refresh.push((name, of_refresh));
        }
        Ok(json!({ "first": first, "refresh": refresh }))
    }

    /// Makes the checkpoints of a stream's folder ready.
    pub(crate) fn load(&self, checkpoints: &Checkpoints, folder: &Path) -> Result<Models, ExperimentError> {
        let mut models = Models::default();
        for Named { name, learner, .. } in &self.0 {
            let missing = || ExperimentError::Unfit(format!("{}: holds no checkpoint of {name}", folder.display()));
            let checkpoint = checkpoints.of(name).ok_or_else(missing)?;
            match learner.load(&folder.join(checkpoint))? {
                Ready::Ranker(ranker) => models.rankers.push(ranker),
                Ready::Retrieval(retrieval) => models.retrievals.push(retrieval),
            }
        }
        Ok(models)
    }
}

/// The current checkpoints of a stream by model, with their optimisers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoints(BTreeMap<String, Option<PathBuf>>);

impl Checkpoints {
    fn of(&self, model: &str) -> Option<&Path> {
        self.0.get(model)?.as_deref()
    }
}

/// The models as they answer now, in the order of [`Learners::named`].
#[derive(Default)]
pub(crate) struct Models {
    pub(crate) rankers: Vec<AnyRanker>,
    pub(crate) retrievals: Vec<Box<dyn ServedRetrieval>>,
}

/// Trains and refreshes.
pub(crate) struct Refresher<'a> {
    pub(crate) learners: &'a Learners,
    pub(crate) log: &'a dyn EventSource,
    pub(crate) profile: &'a Profile,
    /// The folder of the stream.
    pub(crate) folder: &'a Path,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
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
        let Self { log, profile, seed, threads, stop, .. } = *self;
        let mut learned = 0;
        for Named { name, learner, .. } in &self.learners.0 {
            let from = checkpoints.of(name).map(|from| self.folder.join(from));
            let folder = format!("{number:05}-{name}");
            let run = self.folder.join(&folder);
            // A killed run may have left files of this refresh.
            if run.exists() {
                std::fs::remove_dir_all(&run).during(|| format!("removing {}", run.display()))?;
            }
            let from = from.as_deref();
            let lesson = Lesson { log, profile, since, until, from, run: &run, seed, threads, stop };
            let n = learner.learn(&lesson).during(|| format!("refreshing the {name} at {until}"))?;
            if n > 0 {
                checkpoints.0.insert((*name).to_owned(), Some(Path::new(&folder).join("checkpoint")));
            }
            learned += n;
        }
        Ok(learned)
    }

    /// Removes the folders of old checkpoints.
    pub(crate) fn tidy(&self, checkpoints: &Checkpoints) -> Result<(), ExperimentError> {
        let used: Vec<&Path> = checkpoints.0.values().flatten().filter_map(|path| path.parent()).collect();
        let reading = || format!("reading {}", self.folder.display());
        for entry in std::fs::read_dir(self.folder).during(reading)? {
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
        let set = ["ranker.epochs=7", "refresh.factor=0.5"].map(str::to_owned);
        let recipes = Learners::new(MODELS, &set).unwrap().recipes().unwrap();
        let of = |training: &str, key: &str| recipes.pointer(&format!("/{training}/0/1{key}")).unwrap().clone();
        assert_eq!(
            (recipes["first"][0][0].as_str(), recipes["first"][1][0].as_str()),
            (Some("ranker"), Some("retrieval"))
        );
        assert_eq!((of("first", "/epochs"), of("refresh", "/epochs")), (json!(7), json!(1)));
        let rate = |training| of(training, "/dense/learning_rate").as_f64().unwrap();
        assert_eq!(rate("refresh"), 0.5 * rate("first"));
        let error = |set: &str| Learners::new(&MODELS[..1], &[set.to_owned()]).err().unwrap().to_string();
        assert!(error("epochs").contains("expected KEY=VALUE"));
        assert!(error("epochs=1").contains("the nearest is \"ranker.epochs\""));
        assert!(error("retrieval.epochs=1").contains("there is no setting \"retrieval.epochs\""));
        assert!(error("ranker.epoch=1").contains("there is no setting \"ranker.epoch\""));
        assert!(error("ranker.epochs=0").starts_with("--set: ranker.epochs: must be between"));
        assert!(error("ranker.model.positions=there").contains("ranker.model.positions"));
        assert!(error("refresh.factor=-1").contains("must be positive"));
    }

    #[test]
    fn checkpoints_written_before_are_read() {
        let read = |text: &str| serde_json::from_str::<Checkpoints>(text).unwrap();
        let both = read(r#"{"ranker":"00001-ranker/checkpoint","retrieval":null}"#);
        assert_eq!(both.of("ranker"), Some(Path::new("00001-ranker/checkpoint")));
        assert_eq!((both.of("retrieval"), both.of("other")), (None, None));
    }
}
