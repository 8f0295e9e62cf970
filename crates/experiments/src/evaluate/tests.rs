//! A small world with a small ranker, from its events to the report.

use std::sync::Arc;

use datasets::import::{DEFAULT_BATCH_ROWS, ImportOptions, ImportStatus, LogSink};
use datasets::world::{World as Invented, WorldConfig};
use event_log::{MemoryLog, event_to_json};
use foryou_types::{NoNames, Profile};
use model_registry::{Kind, Registry};
use phoenix::{Checkpoint, ModelKind};
use phoenix_engine::Precision;
use phoenix_train::{DataOptions, Recipe, TrainingData};
use train_core::RunOptions;

use super::*;
use crate::testing::{FAMILIES, KNOWN, Newest};

struct Small {
    dir: tempfile::TempDir,
    log: Arc<MemoryLog>,
    profile: Profile,
    cut: TimeMs,
}

impl Small {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = Invented::generate(&WorldConfig { seed: 3, ..WorldConfig::scaled(60) }).unwrap();
        let truth = dir.path().join("world");
        let manifest = world.write(&truth, |event| event_to_json(event, &world.profile, &NoNames)).unwrap();
        let importer = datasets::import::open("world", &truth, None).unwrap();
        let log = Arc::new(MemoryLog::default());
        let mut go_on = |_: &ImportStatus<'_>| std::ops::ControlFlow::Continue(());
        let options = ImportOptions { batch_rows: DEFAULT_BATCH_ROWS, on_progress: &mut go_on };
        datasets::import::import(&importer, &LogSink(&*log), options).unwrap();
        Self { dir, log, profile: world.profile, cut: manifest.cut }
    }

    fn truth(&self) -> std::path::PathBuf {
        self.dir.path().join("world")
    }

    fn registry(&self) -> Registry {
        Registry::open(&self.dir.path().join("models"), KNOWN).unwrap()
    }

    /// Trains a ranker on what came before `until`, and promotes it.
    fn train(&self, until: Option<TimeMs>) -> String {
        let mut recipe = Recipe::small(ModelKind::Ranker);
        recipe.epochs = 1;
        (recipe.model.emb_size, recipe.model.key_size, recipe.model.num_layers) = (16, 4, 1);
        let options = DataOptions { until, ..recipe.data_options() };
        let data = TrainingData::load(&*self.log, &self.profile, &options, &|_, _| {}).unwrap();
        let run = tempfile::tempdir().unwrap();
        let options = RunOptions {
            threads: 1,
            seed: 1,
            resume: false,
            from: None,
            stop: &std::sync::atomic::AtomicBool::new(false),
            progress: &(),
        };
        let outcome =
            phoenix_train::train(ModelKind::Ranker, &data, &recipe, &self.profile.action_set, run.path(), &options)
                .unwrap();
        let registry = self.registry();
        let version = registry.add(&Checkpoint::load(&outcome.checkpoint).unwrap(), None, TimeMs(1)).unwrap();
        registry.promote(&version, TimeMs(1)).unwrap();
        version
    }

    fn evaluate(&self, versions: &[String]) -> Result<WorldEvaluation, ExperimentError> {
        let world = World {
            log: self.log.clone(),
            profile: &self.profile,
            truth: &self.truth(),
            registry: &self.registry(),
            families: FAMILIES,
            precision: Precision::F32,
            seed: 1,
            watcher: &(),
        };
        world.evaluate(versions)
    }
}

#[test]
fn a_version_stands_between_chance_and_the_truth() {
    let small = Small::new();
    let error = small.evaluate(&[]).unwrap_err().to_string();
    assert!(error.contains("no version serves"), "{error}");
    let version = small.train(Some(small.cut));
    let report = small.evaluate(&[]).unwrap();
    let ndcg = |model: &str| report.ranking.iter().find(|row| row.model == model).unwrap().ndcg_at_10;
    assert!((ndcg("oracle") - 1.0).abs() < 1e-12, "the oracle knows the order");
    assert!(ndcg("random") < ndcg("informed_ceiling") && ndcg("informed_ceiling") < 1.0);
    assert!(ndcg(&version) > 0.0 && ndcg(&version) < 1.0);
    assert!(report.retrieval.is_empty(), "no version of retrieval");
    let taken = report.heads.iter().filter(|head| head.positives > 0).count();
    assert!(taken > 0 && report.heads.iter().all(|head| head.model == version));
    let again = small.evaluate(std::slice::from_ref(&version)).unwrap();
    assert_eq!(again.describe(), report.describe());
    assert!(report.summary().contains(&version) && !report.summary().contains("oracle"));
    let unknown = small.evaluate(&["ranker-0099".to_owned()]).unwrap_err();
    assert!(matches!(&unknown, ExperimentError::Usage(text) if text.contains("ranker-0099")), "{unknown}");
}

#[test]
fn a_version_that_saw_the_held_out_part_is_refused() {
    let small = Small::new();
    let version = small.train(None);
    let error = small.evaluate(&[]).unwrap_err();
    assert!(matches!(&error, ExperimentError::Unfit(text) if text.contains("learned from events after")), "{error}");
    assert!(error.to_string().contains(&version));
}

#[test]
fn versions_of_any_family_are_measured_by_what_they_do() {
    let small = Small::new();
    let registry = small.registry();
    let newest = |kind: Kind| Newest { kind, action_set: small.profile.action_set.clone(), trained_until: small.cut };
    let add = |kind: Kind| registry.add(&newest(kind), None, TimeMs(1)).unwrap();
    let names = [Kind::RANKER, Kind::RETRIEVAL].map(add);
    let trained = small.train(Some(small.cut));
    let report = small.evaluate(&[names[0].clone(), names[1].clone(), trained.clone()]).unwrap();
    let row = |model: &str| report.ranking.iter().find(|row| row.model == model).unwrap();
    // It orders by age, as the baseline does, except that posts of one bucket of age stand as they were shown.
    assert!((row(&names[0]).ndcg_at_10 - row("recency").ndcg_at_10).abs() < 0.05, "{}", report.describe());
    assert_ne!(row(&trained).ndcg_at_10, row(&names[0]).ndcg_at_10);
    let found: Vec<&str> = report.retrieval.iter().map(|row| row.model.as_str()).collect();
    assert_eq!(found, ["recency", "popularity_all_time", "popularity", &names[1]]);
    assert_eq!(report.heads.iter().filter(|head| head.model == names[0]).count(), report.heads.len() / 2);

    // What nothing here can rank or retrieve with is named.
    let reader = add(Kind::constant("reader"));
    let error = small.evaluate(std::slice::from_ref(&reader)).unwrap_err().to_string();
    assert_eq!(error, format!("{reader} is a reader model: only ranker and retrieval models can be measured"));
}

#[test]
fn what_is_held_out_is_never_learned() {
    let small = Small::new();
    let (truth, cut) = (small.truth(), small.cut);
    assert_eq!(learn_until(&truth, None).unwrap(), Some(cut));
    assert_eq!(learn_until(&truth, Some(cut - 1)).unwrap(), Some(cut - 1));
    assert_eq!(learn_until(&truth, Some(cut + 1)).unwrap(), Some(cut));
    let elsewhere = small.dir.path().join("no world");
    assert_eq!(learn_until(&elsewhere, None).unwrap(), None);
    // A truth that does not say where it begins.
    std::fs::create_dir(&elsewhere).unwrap();
    assert!(matches!(learn_until(&elsewhere, None), Err(ExperimentError::World(_))));
}
