//! Ranking latency of the small model ([`benchmarks::ranker`]). `context` isolates what a cached context saves, `candidates` what every
//! request pays; `portable` is the same work without vector instructions, the plain baseline.

use std::hint::black_box;

use benchmarks::ranker::{Sizes, Workload};
use criterion::{Criterion, criterion_group, criterion_main};
use foryou_types::UserId;
use phoenix_engine::ServedRanker;

fn ranking(c: &mut Criterion) {
    let Workload { native, portable, history, candidates } = Workload::new(&Sizes::SMALL).expect("sizes of a model");
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
            let before = ranker.encode(UserId(1), &history[..history.len() - 1]);
            b.iter(|| black_box(ranker.extend(&before, &history)));
        });
    }
    group.finish();
}

criterion_group!(benches, ranking);
criterion_main!(benches);
