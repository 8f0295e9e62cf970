//! Whole trainings of the toy model.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use foryou_types::TimeMs;
use model_registry::{Kind, ModelFiles, Registry};
use train_core::{
    EvaluationReport, MetricsLine, Outcome, Progress, RunOptions, StepReport, TrainError, check_run, events_of_run,
    read_lines, run,
};

use crate::logistic::{Logistic, LogisticFamily, Recipe, SavedModel, read};

static GO: AtomicBool = AtomicBool::new(false);

fn options() -> RunOptions<'static> {
    RunOptions { threads: 2, seed: 7, resume: false, from: None, stop: &GO, progress: &() }
}

/// Sets the stop flag after some steps.
struct StopAfter(u64, AtomicBool);

impl Progress for StopAfter {
    fn step(&self, report: &StepReport) {
        self.1.store(report.step >= self.0, Ordering::Relaxed);
    }
    fn evaluated(&self, _: &EvaluationReport) {}
}

fn train(recipe: Recipe, folder: &Path) -> Result<Outcome, TrainError> {
    run(&Logistic::new(recipe), folder, &options())
}

/// The files of a run's last checkpoint.
fn checkpoint(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(run.join("checkpoint")).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
}

fn losses(run: &Path) -> Vec<f64> {
    let lines = read_lines(&run.join("metrics.jsonl")).unwrap();
    let loss = |line| if let MetricsLine::Train { loss, .. } = line { Some(loss) } else { None };
    lines.into_iter().filter_map(loss).collect()
}

#[test]
fn a_new_kind_learns_is_registered_and_promoted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let outcome = train(Recipe { epochs: 8, ..Recipe::default() }, &folder).unwrap();
    assert_eq!((outcome.steps, outcome.epochs, outcome.parameters, outcome.stopped), (64, 8, 3, false));
    assert!(outcome.best["validation/accuracy"] > 0.9, "{:?}", outcome.best);
    let losses = losses(&folder);
    assert!(losses.len() == 64 && losses[63] < 0.5 * losses[0], "{losses:?}");
    assert!(fs::read_to_string(folder.join("curves.svg")).unwrap().contains("accuracy"));
    assert_eq!((events_of_run(&folder).unwrap(), check_run(&folder).is_ok()), (Some(5), true));

    let files = ModelFiles::open(&outcome.checkpoint).unwrap();
    let (model, manifest) = (read(&files).unwrap(), files.manifest().clone());
    assert_eq!(manifest.metrics, outcome.best);
    let (weights, seed, metrics) = (model.weights, manifest.seed, &manifest.metrics);
    let saved = SavedModel { weights, seed, metrics, action_set: &manifest.action_set };
    let registry = Registry::open(&dir.path().join("models"), &[&LogisticFamily]).unwrap();
    let version = registry.add_and_promote(&saved, None, TimeMs(1)).unwrap();
    assert_eq!(version, "logistic-0001");
    let promoted = registry.promoted(&Kind::new("logistic").unwrap()).unwrap().unwrap();
    assert_eq!(read(&ModelFiles::open(&promoted.folder).unwrap()).unwrap(), model);
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, halves, other] = ["whole", "halves", "other"].map(|name| dir.path().join(name));
    let objective = Logistic::new(Recipe::default());
    let outcome = run(&objective, &whole, &options()).unwrap();
    for steps in [1, 5, 9] {
        let stop = StopAfter(steps, AtomicBool::new(false));
        let stopped = run(&objective, &halves, &RunOptions { stop: &stop.1, progress: &stop, ..options() }).unwrap();
        assert!(stopped.stopped && stopped.steps == steps);
        let resumed = run(&objective, &halves, &RunOptions { resume: true, ..options() }).unwrap();
        assert_eq!((resumed.steps, &resumed.best, resumed.stopped), (outcome.steps, &outcome.best, false));
        assert!(checkpoint(&whole) == checkpoint(&halves), "stopped after {steps}");
        assert_eq!(losses(&whole), losses(&halves));
    }
    run(&objective, &other, &RunOptions { seed: 8, ..options() }).unwrap();
    assert!(checkpoint(&whole) != checkpoint(&other), "the seed decides");
}

#[test]
fn a_run_ends_early_without_a_new_best_and_by_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let mut recipe = Recipe { learning_rate: 0.0, epochs: 50, ..Recipe::default() };
    recipe.stopping.patience = 2;
    // Nothing is learned: the first evaluation, after 4 steps, is the best, and two more are waited for.
    assert_eq!(train(recipe.clone(), dir.path()).unwrap().steps, 12);
    recipe.stopping.max_seconds = Some(0.0);
    let outcome = train(recipe, dir.path()).unwrap();
    assert_eq!((outcome.steps, outcome.stopped), (1, false));
    assert!(outcome.checkpoint.join("config.json").is_file());
}

#[test]
fn what_is_not_finite_is_skipped_and_then_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut objective = Logistic::new(Recipe::default());
    objective.train[5].x[1] = f32::NAN;
    let outcome = run(&objective, dir.path(), &options()).unwrap();
    assert_eq!(outcome.skipped_steps, 3, "its unit is in one step of each epoch");
    objective.train.iter_mut().for_each(|point| point.x[1] = f32::NAN);
    let error = run(&objective, dir.path(), &options()).unwrap_err();
    assert!(
        matches!(&error, TrainError::NotFinite { step: 2, skipped: 2, tensor } if tensor == "the points"),
        "{error}"
    );
}

#[test]
fn a_run_starts_from_another_one_and_only_goes_on_with_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
    let objective = Logistic::new(Recipe::default());
    let outcome = run(&objective, &first, &options()).unwrap();
    let from = RunOptions { from: Some(&outcome.checkpoint), ..options() };
    let inside = run(&objective, &first, &from).unwrap_err();
    assert!(matches!(&inside, TrainError::WarmStart { .. }) && inside.to_string().contains("own folder"), "{inside}");
    run(&objective, &second, &from).unwrap();
    assert!(losses(&second)[0] < 0.7 * losses(&first)[0], "it begins where the other ended");
    let resume = |options: RunOptions<'_>| run(&objective, &second, &RunOptions { resume: true, ..options });
    assert_eq!(resume(from).unwrap().steps, outcome.steps);
    assert!(resume(options()).unwrap_err().to_string().contains("the checkpoint it began from"));
}

#[test]
fn another_run_and_damaged_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    train(Recipe::default(), folder).unwrap();
    let refused =
        |objective: &Logistic, options: &RunOptions<'_>| run(objective, folder, options).unwrap_err().to_string();
    let (same, resume) = (Logistic::new(Recipe::default()), RunOptions { resume: true, ..options() });
    let slower = Logistic::new(Recipe { learning_rate: 0.1, ..Recipe::default() });
    assert!(refused(&slower, &resume).contains("the recipe (learning_rate)"));
    assert!(refused(&same, &RunOptions { seed: 1, ..resume }).contains("the seed (7, not 1)"));
    let mut fewer = Logistic::new(Recipe::default());
    fewer.train.pop();
    assert!(refused(&fewer, &resume).contains("the training data"));

    for name in ["config.json", "checkpoint/weights.safetensors", "checkpoint/optimizer.safetensors"] {
        let path = folder.join(name);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[whole.len() / 2] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = check_run(folder).unwrap_err().to_string();
        assert!(error.contains(folder.to_str().unwrap()), "{name}: {error}");
        assert!(run(&same, folder, &resume).is_err(), "{name}");
        fs::write(&path, whole).unwrap();
    }
    check_run(folder).unwrap();
    // A person reads it: one setting a line.
    let config = fs::read_to_string(folder.join("config.json")).unwrap();
    assert!(config.contains("\n    \"learning_rate\": 0.5,\n"), "{config}");
}
