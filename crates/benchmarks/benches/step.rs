//! One training step of the small ranker ([`benchmarks::train`]): B 64 viewers, S 32, C 8, D 128, 4 layers. The sizes are those of the
//! public reference's script, to be timed beside it. One thread is the plain baseline.

use std::time::Duration;

use benchmarks::train::{Sizes, measure};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use foryou_io::SystemMonotonic;

/// Steps of a training: making its tables takes longer than some steps.
const STEPS: u64 = 20;

fn step(c: &mut Criterion) {
    let mut group = c.benchmark_group("train step, B 64, S 32, C 8, D 128, 4 layers");
    group.sample_size(10);
    group.sampling_mode(criterion::SamplingMode::Flat);
    for threads in [1, 2] {
        group.bench_with_input(BenchmarkId::new("threads", threads), &threads, |bencher, &threads| {
            bencher.iter_custom(|iterations| {
                let sizes = Sizes { threads, ..Sizes::SMALL };
                let steps = iterations.max(STEPS);
                let report = measure(&SystemMonotonic::new(), sizes, steps as usize).expect("a training");
                Duration::from_secs_f64(report.millis.median_ms / 1e3 * iterations as f64)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
