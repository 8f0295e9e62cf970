//! Runs that continue from a checkpoint.

use std::path::PathBuf;

use foryou_types::ActionKind;
use model_registry::NamedTensor;
use phoenix::CheckpointConfig;

use super::*;

/// A finished run of a model on 12 passes.
fn finished(kind: ModelKind) -> (tempfile::TempDir, Recipe) {
    let (run, recipe) = (tempfile::tempdir().unwrap(), recipe(kind));
    train(kind, &data(12), &recipe, run.path(), &options(2)).unwrap();
    (run, recipe)
}

/// Calls `f` with the training of a model on two passes.
fn with_objective<R>(kind: ModelKind, f: impl FnOnce(&PhoenixObjective<'_>) -> R) -> R {
    let (mut data, set) = (data(2), action_set());
    data.trained_until = TimeMs(7_000);
    let recipe = checked(&data, &recipe(kind), &set).unwrap();
    let loss = loss_of(kind, &data, &recipe, &set).unwrap();
    f(&PhoenixObjective { data: &data, recipe: &recipe, action_set: &set, loss: &*loss })
}

/// What is learned beside the model, at its usual start.
fn extra(kind: ModelKind) -> Vec<NamedTensor> {
    with_objective(kind, |objective| objective.loss.extra())
}

/// A model with its optimisers, as a run continues with it.
fn continued(kind: ModelKind, from: &Path) -> Trained {
    with_objective(kind, |objective| objective.load(from, &mut Saved::read(from).unwrap()).unwrap())
}

/// The same, as another run starts with it.
fn warm(kind: ModelKind, from: &Path) -> Trained {
    with_objective(kind, |objective| objective.start_from(from).unwrap().model)
}

#[test]
fn everything_learned_is_taken_over_and_the_run_starts_anew() {
    for kind in BOTH {
        let (run, _) = finished(kind);
        let checkpoint = run.path().join("checkpoint");
        let before = continued(kind, &checkpoint);
        assert!(before.adam.steps > 0);
        let mut after = warm(kind, &checkpoint);
        assert_eq!((after.model.config.trained_until, after.model.config.metrics.len()), (Some(TimeMs(7_000)), 0));
        // Tensors, tables with accumulators, hash functions, seed, temperature and moments: the rest is all the same.
        after.model.config.trained_until = before.model.config.trained_until;
        after.model.config.metrics = before.model.config.metrics.clone();
        assert!(after == before, "{kind:?}");
    }
}

#[test]
fn a_model_without_the_optimisers_state_is_gone_on_from_too() {
    for kind in BOTH {
        let (run, _) = finished(kind);
        let best = Checkpoint::load(&run.path().join("best")).unwrap();
        // As a registered version is: a copy of the model alone.
        let version = run.path().join("version");
        best.save(&version, None).unwrap();
        let state = warm(kind, &version);
        assert!(state.model.snapshot().tables == best.tables && state.model.dense == best.dense, "{kind:?}");
        assert_eq!(state.adam.steps, 0);
        assert!(state.adam.mean.iter().chain(&state.adam.square).flatten().all(|&x| x == 0.0));
        assert!(state.model.tables.user.accumulator().iter().all(|&x| x == 0.0));
        for tensor in &state.model.extra {
            assert_eq!(f64::from(tensor.data[0]), best.config.metrics[&tensor.name]);
            assert!(tensor.data != extra(kind)[0].data, "the learned temperature, not the recipe's");
        }
    }
}

#[test]
fn only_steps_change_what_was_taken_over() {
    for kind in BOTH {
        let (run, mut recipe) = finished(kind);
        (recipe.dense.learning_rate, recipe.tables.learning_rate) = (0.0, 0.0);
        recipe.epochs = 1;
        let next = tempfile::tempdir().unwrap();
        let from = run.path().join("checkpoint");
        let options = RunOptions { from: Some(&from), seed: 99, ..options(2) };
        // Other posts and ids: tables drawn anew would be of another size, texts would start elsewhere.
        let mut data = data(5);
        data.ids = IdCounts { users: 900, posts: 900, authors: 900, words: 900 };
        train(kind, &data, &recipe, next.path(), &options).unwrap();
        let (before, after) =
            (Checkpoint::load(&from).unwrap(), Checkpoint::load(&next.path().join("checkpoint")).unwrap());
        assert!(before.dense == after.dense && before.tables == after.tables, "{kind:?}");
        assert_eq!((before.config.hashes, before.config.seed), (after.config.hashes, after.config.seed));
    }
}

#[test]
fn a_refresh_begins_where_the_last_run_ended() {
    for kind in BOTH {
        let (first, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (data, mut recipe) = (data(24), recipe(kind));
        recipe.epochs = 30;
        train(kind, &data, &recipe, first.path(), &options(2)).unwrap();
        recipe.epochs = 1;
        recipe.schedule = train_core::ScheduleRecipe { warm_up: 0.0, decay: train_core::optim::Decay::Constant };
        let from = first.path().join("checkpoint");
        train(kind, &data, &recipe, again.path(), &RunOptions { from: Some(&from), ..options(2) }).unwrap();
        let (first, again) = (losses(first.path()), losses(again.path()));
        assert!(again[0] < 0.9 * first[0], "{kind:?}: {} to {}", first[0], again[0]);
    }
}

#[test]
fn one_epoch_without_validation_ends_in_its_last_state() {
    for kind in BOTH {
        let (run, mut recipe) = finished(kind);
        recipe.epochs = 1;
        let mut data = data(12);
        data.validation.clear();
        let next = tempfile::tempdir().unwrap();
        let from = run.path().join("best");
        let outcome =
            train(kind, &data, &recipe, next.path(), &RunOptions { from: Some(&from), ..options(2) }).unwrap();
        assert_eq!((outcome.epochs, outcome.stopped, outcome.best.len()), (1, false, 0));
        assert_eq!(outcome.checkpoint, next.path().join("checkpoint"));
        assert!(!next.path().join("best").exists());
        let last = continued(kind, &outcome.checkpoint);
        assert!(last.model.snapshot().dense != Checkpoint::load(&from).unwrap().dense);
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let (run, recipe) = finished(ModelKind::Ranker);
    let (from, next) = (run.path().join("checkpoint"), tempfile::tempdir().unwrap());
    let options = RunOptions { from: Some(&from), ..options(2) };
    let refused = |set: &ActionSet, recipe: &Recipe, options: &RunOptions<'_>| {
        let run = next.path().join("run");
        let kind = if recipe.heads.is_some() { ModelKind::Ranker } else { ModelKind::Retrieval };
        let error = super::super::train(kind, &data(6), recipe, set, &run, options).unwrap_err().to_string();
        assert!(!run.exists(), "nothing is begun: {error}");
        error
    };
    let set = action_set();
    let kind = refused(&set, &super::recipe(ModelKind::Retrieval), &options);
    assert!(kind.contains("it is a ranker model, not a retrieval model") && kind.contains("checkpoint"), "{kind}");
    let mut more = set.clone();
    more.actions.push(ActionDef { name: "save".to_owned(), weight: 1.0, kind: ActionKind::Discrete });
    assert!(refused(&more, &recipe, &options).contains("it predicts 3 actions, the data has 4"));
    let mut renamed = set.clone();
    renamed.actions[1].name = "bury".to_owned();
    assert!(refused(&renamed, &recipe, &options).contains("action 1 is hide in the model and bury in the data"));
    let mut seconds = set.clone();
    seconds.actions[0].kind = ActionKind::Continuous;
    assert!(refused(&seconds, &recipe, &options).contains("like is Discrete in the model and Continuous in the data"));
    let mut longer = recipe.clone();
    longer.model.history_seq_len = 9;
    assert!(refused(&set, &longer, &options).contains("its model.history_seq_len is 8, the recipe's 9"));
    let nowhere = next.path().join("nowhere");
    assert!(refused(&set, &recipe, &RunOptions { from: Some(&nowhere), ..options }).contains("nowhere"));
    let best = run.path().join("best");
    let itself = train(ModelKind::Ranker, &data(6), &recipe, run.path(), &RunOptions { from: Some(&best), ..options });
    assert!(itself.unwrap_err().to_string().contains("the run's own folder"));
    assert!(best.join("config.json").is_file(), "it is still there");

    // What a head is worth is no part of the model.
    let mut dearer = set.clone();
    dearer.actions[0].weight = 5.0;
    let run = next.path().join("run");
    super::super::train(ModelKind::Ranker, &data(6), &recipe, &dearer, &run, &options).unwrap();
    assert_eq!(CheckpointConfig::load(&run.join("checkpoint")).unwrap().action_set, dearer);
}

#[test]
fn a_run_is_resumed_with_the_checkpoint_it_began_from() {
    let kind = ModelKind::Ranker;
    let (run, recipe) = finished(kind);
    let (checkpoint, best): (PathBuf, PathBuf) = (run.path().join("checkpoint"), run.path().join("best"));
    let folder = tempfile::tempdir().unwrap();
    let next = folder.path().join("next");
    let options = RunOptions { from: Some(&checkpoint), resume: true, ..options(2) };
    // There is no run yet: it begins.
    let half = StopAfter::new(1);
    let stopping = RunOptions { stop: &half.stop, progress: &half, ..options };
    assert_eq!(train(kind, &data(12), &recipe, &next, &stopping).unwrap().steps, 1);
    let error = |from: Option<&Path>| {
        train(kind, &data(12), &recipe, &next, &RunOptions { from, ..options }).unwrap_err().to_string()
    };
    assert!(error(Some(&best)).contains("the checkpoint it began from"), "{}", error(Some(&best)));
    assert!(error(None).contains("the checkpoint it began from"));
    // The same checkpoint somewhere else is the same.
    let elsewhere = folder.path().join("elsewhere");
    let saved = Saved::read(&checkpoint).unwrap();
    Checkpoint::load(&checkpoint).unwrap().save(&elsewhere, Some(saved.tensors())).unwrap();
    let resumed = train(kind, &data(12), &recipe, &next, &RunOptions { from: Some(&elsewhere), ..options }).unwrap();
    assert!(resumed.steps > 1 && !resumed.stopped);
}
