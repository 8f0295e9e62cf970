//! Trainings of tiny models on made-up passes.

mod allocations;
mod first_runs;
mod ids;
mod judge;
mod warm_start;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use event_log::Position;
use foryou_types::{ActionDef, ActionMask, PostId, Rng, SplitMix64, TimeMs, UserId};
use phoenix::IdCounts;
use phoenix::{Candidate, CandidateItem, Checkpoint, Corpus, HistoryItem, ModelKind, Pass, PostInfo};
use rustc_hash::FxHashMap;
use train_core::{
    EvaluationReport, MetricsLine, Objective, Progress, Saved, StepPlan, StepReport, TrainingState, Workers, check_run,
    read_lines,
};

use super::assemble::Dropout;
use super::trained::Trained;
use super::*;

fn action_set() -> ActionSet {
    let mut set = ActionSet::discrete(1, &[("like", 1.0), ("hide", -2.0)]);
    set.actions.push(ActionDef { name: "dwell_time".into(), weight: 0.1, kind: foryou_types::ActionKind::Continuous });
    set
}

const POSTS: u64 = 24;

fn author(post: u64) -> u64 {
    1 + post % 4
}

fn words(post: u64) -> Arc<[u32]> {
    Arc::from([10 + (post % 6) as u32, 30 + (post % 5) as u32])
}

/// Users like the posts of one author and hide those of another.
fn passes(count: u64, seed: u64) -> Vec<Pass> {
    let mut rng = SplitMix64::new(seed);
    (0..count)
        .map(|i| {
            let user = 1 + i % 6;
            let tokens = 2 + rng.below(7);
            let history = (0..tokens).map(|_| {
                let post = 1 + rng.below(POSTS as usize) as u64;
                HistoryItem {
                    post: PostId(post),
                    author: UserId(author(post)),
                    actions: ActionMask(u64::from(author(post) == 1 + user % 4)),
                    surface: 1,
                    dwell_seconds: 3.0,
                    age_bucket: 2,
                    content: words(post),
                    at: TimeMs(500),
                }
            });
            let history: Arc<[HistoryItem]> = history.collect();
            let candidates = (0..=tokens).map(|cutoff| {
                let post = 1 + rng.below(POSTS as usize) as u64;
                let like = author(post) == 1 + user % 4;
                Candidate {
                    item: CandidateItem {
                        post: PostId(post),
                        author: UserId(author(post)),
                        surface: 1,
                        age_bucket: 3,
                        content: words(post),
                    },
                    cutoff: cutoff as u16,
                    labels: ActionMask(u64::from(like) | u64::from(author(post) == 1 + (user + 1) % 4) << 1),
                    dwell_seconds: if like { 9.0 } else { 1.0 },
                    weight: 1.0,
                    slate: (i * 4) as u32 + cutoff as u32 / 4,
                    training_impressions: 1,
                }
            });
            Pass { user: UserId(user), history, candidates: candidates.collect(), at: TimeMs(1_000) }
        })
        .collect()
}

fn data(count: u64) -> TrainingData {
    let corpus = Corpus::new();
    for post in 1..=POSTS {
        let info = PostInfo { author: UserId(author(post)), content: words(post), ..PostInfo::default() };
        corpus.insert(PostId(post), info);
    }
    TrainingData {
        corpus: Arc::new(corpus),
        train: passes(count, 3),
        validation: passes(6, 4),
        validation_from: None,
        ids: IdCounts { users: 6, posts: POSTS as usize, authors: 4, words: 11 },
        positives_per_head: vec![1; 3],
        impressions: 1,
        training_impressions: FxHashMap::default(),
        post_frequency: (1..=POSTS).map(|post| (PostId(post), 2)).collect(),
        alive_posts: (1..=POSTS).map(|post| (PostId(post), TimeMs(0))).collect(),
        users: 6,
        posts: POSTS,
        slates: 9,
        trained_until: TimeMs(2_000),
        log_position: Position::default(),
    }
}

fn recipe(kind: ModelKind) -> Recipe {
    let mut recipe = Recipe::of(kind);
    recipe.model.emb_size = 16;
    recipe.model.key_size = 4;
    recipe.model.history_seq_len = 8;
    recipe.model.num_layers = 1;
    recipe.tokens_per_step = 120;
    recipe.epochs = 2;
    recipe.stopping.patience = 0;
    recipe.stopping.log_every = 1;
    if let Some(sampling) = &mut recipe.sampling {
        sampling.uniform = 8;
    }
    recipe
}

static GO: AtomicBool = AtomicBool::new(false);

fn options(threads: usize) -> RunOptions<'static> {
    RunOptions { threads, seed: 5, resume: false, from: None, stop: &GO, progress: &() }
}

fn train(
    kind: ModelKind,
    data: &TrainingData,
    recipe: &Recipe,
    run: &Path,
    options: &RunOptions<'_>,
) -> Result<Outcome, TrainError> {
    super::train(kind, data, recipe, &action_set(), run, options)
}

const BOTH: [ModelKind; 2] = [ModelKind::Ranker, ModelKind::Retrieval];

/// Sets the stop flag after some steps, and remembers the losses.
struct StopAfter {
    steps: u64,
    stop: AtomicBool,
    last: AtomicU64,
}

impl StopAfter {
    fn new(steps: u64) -> Self {
        Self { steps, stop: AtomicBool::new(false), last: AtomicU64::new(0) }
    }
}

impl Progress for StopAfter {
    fn step(&self, report: &StepReport) {
        self.last.store(report.step, Ordering::Relaxed);
        self.stop.store(report.step >= self.steps, Ordering::Relaxed);
    }
    fn evaluated(&self, _: &EvaluationReport) {}
}

fn losses(run: &Path) -> Vec<f64> {
    let lines = read_lines(&run.join("metrics.jsonl")).unwrap();
    lines
        .iter()
        .filter_map(|line| if let MetricsLine::Train { loss, .. } = line { Some(*loss) } else { None })
        .collect()
}

fn checkpoint_bytes(run: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(run.join("checkpoint"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
        })
        .collect()
}

#[test]
fn a_run_learns_and_leaves_what_it_should() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let mut recipe = recipe(kind);
        recipe.epochs = 40;
        recipe.post_dropout = 0.0;
        let mut data = data(24);
        // Whether it can learn these by heart.
        data.validation = data.train.clone();
        let outcome = train(kind, &data, &recipe, folder.path(), &options(2)).unwrap();
        let losses = losses(folder.path());
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (first, last) = (mean(&losses[..5]), mean(&losses[losses.len() - 5..]));
        assert!(last < 0.75 * first, "{kind:?}: {first} to {last}");
        assert!(!outcome.stopped && outcome.skipped_steps == 0 && outcome.epochs == 40);
        assert_eq!(outcome.checkpoint, folder.path().join("best"));
        let best = Checkpoint::load(&outcome.checkpoint).unwrap();
        assert_eq!(best.config.kind, kind);
        assert!(outcome.best.iter().all(|(name, value)| best.config.metrics[name] == *value));
        assert_eq!(best.config.trained_until, Some(TimeMs(2_000)));
        assert!(best.tables.post[..16].iter().all(|&x| x == 0.0) && best.tables.post.iter().any(|&x| x != 0.0));
        match kind {
            ModelKind::Ranker => assert!(outcome.best["validation/auc"] > 0.95, "{:?}", outcome.best),
            ModelKind::Retrieval => assert!(outcome.best["validation/mrr"] > 0.3, "{:?}", outcome.best),
        }
        let svg = std::fs::read_to_string(folder.path().join("curves.svg")).unwrap();
        assert!(svg.contains("validation"));
        assert!(folder.path().join("config.json").is_file());
    }
}

#[test]
fn a_resumed_run_ends_in_the_same_bytes() {
    for kind in BOTH {
        let (start, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (earlier, data, mut recipe) = (data(7), data(12), recipe(kind));
        recipe.tokens_per_step = 60;
        recipe.stopping.evaluate_every = Some(2);
        train(kind, &earlier, &recipe, start.path(), &options(2)).unwrap();
        let start = start.path().join("checkpoint");
        let mut ends = Vec::new();
        for from in [None, Some(start.as_path())] {
            let options = RunOptions { from, ..options(2) };
            let outcome = train(kind, &data, &recipe, whole.path(), &options).unwrap();
            assert!(outcome.steps >= 4, "{}", outcome.steps);
            let halves = tempfile::tempdir().unwrap();
            let half = StopAfter::new(3);
            let stopping = RunOptions { stop: &half.stop, progress: &half, ..options };
            let stopped = train(kind, &data, &recipe, halves.path(), &stopping).unwrap();
            assert!(stopped.stopped && stopped.steps == 3);
            let resume = RunOptions { resume: true, ..options };
            let resumed = train(kind, &data, &recipe, halves.path(), &resume).unwrap();
            assert_eq!((resumed.steps, resumed.best, resumed.stopped), (outcome.steps, outcome.best, false));
            assert!(checkpoint_bytes(whole.path()) == checkpoint_bytes(halves.path()), "{kind:?}, from {from:?}");
            assert_eq!(losses(whole.path()), losses(halves.path()));
            // Ended is ended.
            let again = train(kind, &data, &recipe, halves.path(), &resume).unwrap();
            assert_eq!(again.steps, outcome.steps);
            ends.push(checkpoint_bytes(whole.path()));
        }
        assert!(ends[0] != ends[1], "{kind:?}: where a run began shows");
    }
}

#[test]
fn threads_change_only_the_last_bits() {
    for kind in BOTH {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (data, recipe) = (data(12), recipe(kind));
        train(kind, &data, &recipe, one.path(), &options(1)).unwrap();
        train(kind, &data, &recipe, two.path(), &options(2)).unwrap();
        for (a, b) in losses(one.path()).iter().zip(losses(two.path())).take(3) {
            assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{kind:?}: {a} {b}");
        }
    }
}

#[test]
fn what_is_not_finite_is_skipped_and_then_named() {
    let folder = tempfile::tempdir().unwrap();
    let (mut data, mut recipe) = (data(24), recipe(ModelKind::Ranker));
    data.train[5].candidates[0].dwell_seconds = f32::NAN;
    let outcome = train(ModelKind::Ranker, &data, &recipe, folder.path(), &options(2)).unwrap();
    assert_eq!(outcome.skipped_steps, 2, "the pass is in one step of each epoch");
    assert!(losses(folder.path()).iter().all(|loss| loss.is_finite()));
    for pass in &mut data.train {
        pass.candidates[0].dwell_seconds = f32::NAN;
    }
    recipe.stopping.max_skipped_steps = 2;
    let error = train(ModelKind::Ranker, &data, &recipe, folder.path(), &options(2)).unwrap_err();
    assert!(
        matches!(&error, TrainError::NotFinite { step: 2, skipped: 2, tensor } if tensor == "input labels"),
        "{error}"
    );
}

#[test]
fn all_cutoffs_at_once_equal_one_at_a_time() {
    let all = data(3);
    let mut single = all.clone();
    single.train = all
        .train
        .iter()
        .flat_map(|pass| {
            pass.candidates.iter().map(|candidate| Pass {
                // What serving would show for this candidate alone.
                history: pass.history[..usize::from(candidate.cutoff)].into(),
                candidates: vec![candidate.clone()],
                ..pass.clone()
            })
        })
        .collect();
    let recipe = recipe(ModelKind::Ranker);
    let set = action_set();
    let workers = Workers::new(1).unwrap();
    let step = |data: &TrainingData| {
        let mut recipe = recipe.clone();
        recipe.model.num_actions = set.len();
        recipe.post_dropout = 0.0;
        let model = {
            let loss = loss_of(ModelKind::Ranker, &all, &recipe, &set).unwrap();
            PhoenixObjective { data: &all, recipe: &recipe, action_set: &set, loss: &*loss }.new_model(5).unwrap()
        };
        let objective = RankerLoss::new(data, &set, &recipe, recipe.heads.as_ref().unwrap());
        let plan = StepPlan { shards: vec![(0..data.train.len() as u32).collect()], step: 0, seed: 5 };
        objective.step(&model, &plan, &workers).unwrap().unwrap()
    };
    let (at_once, one_by_one) = (step(&all), step(&single));
    assert_eq!(at_once.examples, one_by_one.examples);
    assert!((at_once.loss - one_by_one.loss).abs() < 1e-5, "{} {}", at_once.loss, one_by_one.loss);
    for (a, b) in at_once.dense.iter().flatten().zip(one_by_one.dense.iter().flatten()) {
        assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{a} {b}");
    }
    for ((name, a), (_, b)) in at_once.tables.named().into_iter().zip(one_by_one.tables.named()) {
        let b: BTreeMap<u32, &[f32]> = b.iter().collect();
        for (row, a) in a.iter() {
            // A token that no candidate sees is only in the whole pass, with gradient 0.
            let zero = [0.0; 16];
            let b = b.get(&row).copied().unwrap_or(&zero);
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5 * a.abs().max(1.0)), "{name} {row}: {a:?} {b:?}");
        }
    }
}

#[test]
fn heads_start_at_the_base_rates() {
    let (data, set) = (data(12), action_set());
    let mut recipe = recipe(ModelKind::Ranker);
    recipe.model.num_actions = set.len();
    let loss = loss_of(ModelKind::Ranker, &data, &recipe, &set).unwrap();
    let objective = PhoenixObjective { data: &data, recipe: &recipe, action_set: &set, loss: &*loss };
    let model = objective.initial(5).unwrap();
    let workers = Workers::new(1).unwrap();
    let evaluation = objective.evaluate(&model, &workers).unwrap().unwrap();
    let calibration = evaluation.metrics["calibration"];
    assert!((0.5..2.0).contains(&calibration), "{calibration}");
}

#[test]
fn early_stopping_and_the_time_limit_end_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (data, mut recipe) = (data(12), recipe(ModelKind::Ranker));
    recipe.epochs = 50;
    recipe.stopping.patience = 2;
    // Nothing is learned, so nothing gets better.
    (recipe.dense.learning_rate, recipe.tables.learning_rate) = (0.0, 0.0);
    let outcome = train(ModelKind::Ranker, &data, &recipe, folder.path(), &options(1)).unwrap();
    assert_eq!(outcome.epochs, 3, "the first evaluation is the best, two more are waited for");
    recipe.stopping.patience = 0;
    recipe.stopping.max_seconds = Some(0.0);
    let outcome = train(ModelKind::Ranker, &data, &recipe, folder.path(), &options(1)).unwrap();
    assert_eq!((outcome.steps, outcome.stopped), (1, false));
    assert!(outcome.checkpoint.join("config.json").is_file());
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (full, recipe_of) = (data(6), recipe);
    let recipe = recipe_of(ModelKind::Ranker);
    let error = |data: &TrainingData, recipe: &Recipe, kind, options: &RunOptions<'_>| {
        train(kind, data, recipe, folder.path(), options).unwrap_err().to_string()
    };
    let mut empty = full.clone();
    empty.train.clear();
    assert!(error(&empty, &recipe, ModelKind::Ranker, &options(1)).contains("no post was shown"));
    let mut unloved = full.clone();
    for candidate in unloved.train.iter_mut().flat_map(|pass| &mut pass.candidates) {
        candidate.labels = ActionMask(0);
    }
    let retrieval = recipe_of(ModelKind::Retrieval);
    assert!(error(&unloved, &retrieval, ModelKind::Retrieval, &options(1)).contains("positive weight"));
    assert!(error(&full, &recipe, ModelKind::Retrieval, &options(1)).contains("sampling"));
    assert!(error(&full, &recipe, ModelKind::Ranker, &RunOptions { resume: true, ..options(1) }).contains("no run"));

    train(ModelKind::Ranker, &full, &recipe, folder.path(), &options(1)).unwrap();
    let resume = RunOptions { resume: true, ..options(1) };
    assert!(error(&full, &retrieval, ModelKind::Retrieval, &resume).contains("the model (ranker, not retrieval)"));
    let mut other = recipe.clone();
    other.dense.learning_rate = 0.5;
    assert!(error(&full, &other, ModelKind::Ranker, &resume).contains("the recipe (dense)"));
    assert!(error(&full, &recipe, ModelKind::Ranker, &RunOptions { seed: 9, ..resume }).contains("the seed"));
    assert!(error(&data(7), &recipe, ModelKind::Ranker, &resume).contains("the training data"));
    let mut shorter = recipe.clone();
    shorter.model.history_seq_len = 3;
    assert!(error(&full, &shorter, ModelKind::Ranker, &options(1)).contains("model.history_seq_len"));

    let foreign = tempfile::tempdir().unwrap();
    std::fs::write(foreign.path().join("thesis.txt"), "mine").unwrap();
    let refused = train(ModelKind::Ranker, &full, &recipe, foreign.path(), &options(1)).unwrap_err().to_string();
    assert!(refused.contains("holds no run"), "{refused}");
}

#[test]
fn the_state_survives_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (data, recipe) = (data(6), recipe(ModelKind::Retrieval));
    train(ModelKind::Retrieval, &data, &recipe, folder.path(), &options(1)).unwrap();
    let (recipe, set) = (checked(&data, &recipe, &action_set()).unwrap(), action_set());
    let loss = loss_of(ModelKind::Retrieval, &data, &recipe, &set).unwrap();
    let objective = PhoenixObjective { data: &data, recipe: &recipe, action_set: &set, loss: &*loss };
    let load = |folder: &Path| objective.load(folder, &mut Saved::read(folder).unwrap());
    let trained: Trained = load(&folder.path().join("checkpoint")).unwrap();
    assert!(trained.model.extra[0].data[0] != loss.extra()[0].data[0], "the temperature was learned");
    assert!(trained.adam.steps > 0);
    let TrainingState { tensors, counts } = objective.state(&trained);
    assert_eq!(counts, [trained.adam.steps]);
    // The run's own counters stand before the objective's; without them there is nothing to continue.
    let copy = folder.path().join("copy");
    objective.save(&trained, &BTreeMap::new(), &copy, Some(&tensors)).unwrap();
    assert!(load(&copy).unwrap_err().to_string().contains("run.counters"));
}

#[test]
fn what_a_run_left_is_held_against_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (kind, data, recipe) = (ModelKind::Ranker, data(6), recipe(ModelKind::Ranker));
    train(kind, &data, &recipe, folder.path(), &options(1)).unwrap();
    check_run(folder.path()).unwrap();
    let files =
        ["config.json", "checkpoint/optimizer.safetensors", "checkpoint/manifest.json", "best/dense.safetensors"];
    for name in files {
        let path = folder.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        for place in [whole.len() / 3, whole.len() / 2, whole.len() * 3 / 4] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let error = check_run(folder.path()).unwrap_err().to_string();
            assert!(error.contains(folder.path().to_str().unwrap()), "{name}, byte {place}: {error}");
        }
        let resume = RunOptions { resume: true, ..options(1) };
        let resumed = train(kind, &data, &recipe, folder.path(), &resume);
        assert!(resumed.is_err() || name.starts_with("best"), "{name}");
        std::fs::remove_file(&path).unwrap();
        check_run(folder.path()).unwrap_err();
        std::fs::write(&path, whole).unwrap();
    }
    check_run(folder.path()).unwrap();

    // A training that was killed before its first checkpoint: its folder passes, and the next training may use it.
    let begun = tempfile::tempdir().unwrap();
    std::fs::write(begun.path().join("lock"), "").unwrap();
    std::fs::write(begun.path().join("config.part"), "{").unwrap();
    check_run(begun.path()).unwrap();
    train(kind, &data, &recipe, begun.path(), &options(1)).unwrap();

    // An older copy of the configuration, from a run with another seed.
    let config = folder.path().join("config.json");
    let older = std::fs::read(&config).unwrap();
    train(kind, &data, &recipe, folder.path(), &RunOptions { seed: 9, ..options(1) }).unwrap();
    std::fs::write(&config, older).unwrap();
    let error = check_run(folder.path()).unwrap_err().to_string();
    assert!(error.contains("config.json") && error.contains("older copy"), "{error}");
    let resume = RunOptions { resume: true, ..options(1) };
    let error = train(kind, &data, &recipe, folder.path(), &resume).unwrap_err().to_string();
    assert!(error.contains("older copy"), "{error}");
}

#[test]
fn dropout_belongs_to_pass_and_step() {
    let draw = |step, pass| {
        let mut hidden = Dropout::of_pass(Some(Dropout { probability: 0.15, seed: 1, step }), pass);
        (0..2_000).map(|_| hidden()).collect::<Vec<_>>()
    };
    assert_eq!(draw(3, 4), draw(3, 4));
    assert!(draw(3, 4) != draw(3, 5) && draw(3, 4) != draw(4, 4));
    let share = draw(0, 0).iter().filter(|&&hidden| hidden).count();
    assert!((220..380).contains(&share), "{share}");
    assert!(!Dropout::of_pass(None, 0)());
}
