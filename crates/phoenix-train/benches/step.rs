//! One training step of the small ranker: B 64 viewers, S 32, C 8, D 128, 4 layers, tables of 100,000 ids, two threads, dense
//! tensors by AdamW and touched rows by row-wise Adagrad. Random data (seed 1); text, age and dwell blocks off.
//!
//! The sizes are those of `phoenix_peers.py train`, to be timed beside it. The baseline is the same step in one shard, on one thread.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use foryou_types::{ActionMask, ActionSet, PostId, Rng, SplitMix64, TimeMs, UserId};
use phoenix::{Candidate, CandidateItem, Corpus, HistoryItem, IdCounts, ModelConfig, ModelKind, Pass};
use phoenix_train::{Recipe, TrainingData, train};
use train_core::RunOptions;

const IDS: usize = 50_000;
const STEPS: usize = 8;

fn data() -> TrainingData {
    let mut rng = SplitMix64::new(1);
    let mut id = |most: usize| 1 + rng.below(most) as u64;
    let mut pass = |slate: u32| Pass {
        user: UserId(id(IDS)),
        history: (0..32)
            .map(|_| HistoryItem {
                post: PostId(id(IDS)),
                author: UserId(id(IDS)),
                actions: ActionMask(id(1 << 18)),
                surface: 1,
                ..HistoryItem::default()
            })
            .collect(),
        candidates: (0..8)
            .map(|_| Candidate {
                item: CandidateItem {
                    post: PostId(id(IDS)),
                    author: UserId(id(IDS)),
                    surface: 1,
                    ..CandidateItem::default()
                },
                cutoff: 32,
                labels: ActionMask(id(1 << 18) & id(1 << 18) & id(1 << 18)),
                dwell_seconds: 1.0,
                weight: 1.0,
                slate,
                training_impressions: 1,
            })
            .collect(),
        at: TimeMs(1),
    };
    TrainingData {
        corpus: Arc::new(Corpus::new()),
        train: (0..(64 * STEPS) as u32).map(&mut pass).collect(),
        validation: Vec::new(),
        validation_from: None,
        ids: IdCounts { users: IDS, posts: IDS, authors: IDS, words: 1 },
        positives_per_head: vec![1; 19],
        impressions: 1,
        training_impressions: std::iter::empty().collect(),
        post_frequency: std::iter::empty().collect(),
        alive_posts: Vec::new(),
        users: 1,
        posts: 1,
        slates: 1,
        trained_until: TimeMs(2),
        log_position: event_log::Position::default(),
    }
}

fn step(c: &mut Criterion) {
    let data = data();
    let mut recipe = Recipe::ranker();
    recipe.model =
        ModelConfig { history_seq_len: 32, text: false, post_age: false, dwell: false, ..ModelConfig::default() };
    recipe.start.similarity = false;
    recipe.tokens_per_step = 64 * 41;
    recipe.epochs = 1;
    let folder = tempfile::tempdir().expect("a folder");
    let mut group = c.benchmark_group("train step, B 64, S 32, C 8, D 128, 4 layers");
    group.sample_size(10);
    for threads in [1, 2] {
        group.bench_with_input(BenchmarkId::new("threads", threads), &threads, |bencher, &threads| {
            bencher.iter_custom(|iterations| {
                let mut seconds = 0.0;
                for i in 0..iterations {
                    let run = folder.path().join(format!("{threads}-{i}"));
                    let options = RunOptions {
                        threads,
                        seed: i,
                        resume: false,
                        from: None,
                        stop: &AtomicBool::new(false),
                        progress: &(),
                    };
                    let outcome = train(ModelKind::Ranker, &data, &recipe, &ActionSet::for_you(), &run, &options)
                        .expect("a training");
                    let candidates = 8.0 * 64.0;
                    seconds += candidates / outcome.examples_per_second;
                    std::fs::remove_dir_all(run).expect("a folder to remove");
                }
                Duration::from_secs_f64(seconds)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
