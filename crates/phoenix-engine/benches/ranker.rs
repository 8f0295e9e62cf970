//! Ranking latency of the small model (D 128, 4 layers, A 19) with random weights and random inputs (seed 1): one viewer with 128
//! history tokens, 512 candidates. `context` isolates what a cached context saves, `candidates` what every request pays; `portable` is
//! the same work without vector instructions, the plain baseline.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use foryou_types::{ActionMask, ActionSet, PostId, Rng, SplitMix64, TimeMs, UserId};
use phoenix::{
    CandidateItem, Checkpoint, CheckpointConfig, HashTables, HistoryItem, IdCounts, ModelConfig, ModelKind, TableInit,
};
use phoenix_engine::{Ranker, ServedRanker};

fn model() -> Checkpoint {
    let model = ModelConfig::default();
    let ids = IdCounts { users: 10_000, posts: 50_000, authors: 2_000, words: 5_000 };
    let config = CheckpointConfig {
        kind: ModelKind::Ranker,
        hashes: HashTables::draw(&model, ids, 1),
        model,
        action_set: ActionSet::for_you(),
        seed: 1,
        trained_until: None,
        metrics: BTreeMap::new(),
    };
    Checkpoint::initial(config, TableInit { post: 0.05, ..TableInit::default() })
}

fn ranking(c: &mut Criterion) {
    let checkpoint = model();
    let mut rng = SplitMix64::fork(1, "bench");
    let history: Vec<_> = (0..128)
        .map(|_| HistoryItem {
            post: PostId(rng.next_u64() | 1),
            author: UserId(rng.next_u64() | 1),
            actions: ActionMask(rng.next_u64() & 0x3ffff),
            surface: 1,
            dwell_seconds: 3.0,
            age_bucket: 5,
            content: (1..9).collect(),
            at: TimeMs(0),
        })
        .collect();
    let candidates: Vec<_> = (0..512)
        .map(|_| CandidateItem {
            post: PostId(rng.next_u64() | 1),
            author: UserId(rng.next_u64() | 1),
            surface: 1,
            age_bucket: 2,
            content: (1..9).collect(),
        })
        .collect();
    let (Ok(native), Ok(portable)) = (Ranker::new(&checkpoint), Ranker::portable(&checkpoint)) else {
        return;
    };
    let mut group = c.benchmark_group("ranker, S 128, C 512");
    group.sample_size(30);
    for (name, ranker) in [("native", &native), ("portable", &portable)] {
        let context = ranker.encode(UserId(1), &history);
        let mut logits = Vec::new();
        group.bench_function(format!("{name}/context"), |b| b.iter(|| black_box(ranker.encode(UserId(1), &history))));
        group.bench_function(format!("{name}/candidates"), |b| {
            b.iter(|| ranker.score(&context, black_box(&candidates), &mut logits));
        });
        group.bench_function(format!("{name}/one more token"), |b| {
            let before = ranker.encode(UserId(1), &history[..127]);
            b.iter(|| black_box(ranker.extend(&before, &history)));
        });
    }
    group.finish();
}

criterion_group!(benches, ranking);
criterion_main!(benches);
