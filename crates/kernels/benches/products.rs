//! The products and the attention of one tile of a training step: 176 rows (5 users with 33 tokens of context, and candidates), D 128,
//! feed-forward 344, 4 query and 2 key/value heads of 32. Random data (seed 1), one thread.
//!
//! Elements are multiplications with an addition, so twice the rate printed is in flop/s. `ceiling` is what the machine can do: a
//! product of 240 × 256 × 256, everything in the first caches.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foryou_types::{Rng, SplitMix64};
use kernels::{
    Aligned, AttendBack, AttendForward, AttendScratch, GateBack, GateKeeping, HeadShape, Kernels, Outer, PANEL, Packed,
    Queries, Rows, RowsMut, Seen, Sequence, padded,
};

const ROWS: usize = 176;

fn normal(rng: &mut SplitMix64, len: usize) -> Aligned {
    let mut values = Aligned::zeros(len);
    values.iter_mut().for_each(|x| *x = rng.normal() as f32);
    values
}

fn products(c: &mut Criterion) {
    let kernels = Kernels::native();
    let mut rng = SplitMix64::new(1);
    let mut group = c.benchmark_group("one tile");
    for (name, rows, depth, columns) in [
        ("ceiling", 240, 256, 256),
        ("queries, keys and values", ROWS, 128, 256),
        ("gate and value", ROWS, 128, 704),
        ("down", ROWS, 344, 128),
        ("gate and value back", ROWS, 704, 128),
        ("tokens", ROWS, 512, 128),
    ] {
        let (a, b) = (normal(&mut rng, rows * depth), normal(&mut rng, depth * columns));
        let mut packed = Packed::empty();
        packed.shape(depth, columns);
        packed.write(0, 0, columns, &b, None, 1.0);
        let stride = padded(columns);
        let mut out = Aligned::zeros(rows * stride);
        group.throughput(Throughput::Elements((rows * depth * columns) as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let out = RowsMut { data: &mut out, stride };
                kernels.run(packed.product(rows, Rows { data: &a, stride: depth }, out));
            });
        });
    }
    for (name, rows, columns) in
        [("gradient of gate and value", 128, 704), ("gradient of down", 344, 128), ("gradient of tokens", 512, 128)]
    {
        let (a, b) = (normal(&mut rng, ROWS * rows), normal(&mut rng, ROWS * columns));
        let mut out = Aligned::zeros(rows * columns);
        group.throughput(Throughput::Elements((ROWS * rows * columns) as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                kernels.run(Outer {
                    depth: ROWS,
                    a: Rows { data: &a, stride: rows },
                    rows,
                    b: Rows { data: &b, stride: columns },
                    panels: columns / PANEL,
                    c: RowsMut { data: &mut out, stride: columns },
                });
            });
        });
    }
    group.finish();
}

fn rows(c: &mut Criterion) {
    let kernels = Kernels::native();
    let mut rng = SplitMix64::new(2);
    let mut group = c.benchmark_group("one tile");
    let half = 352;
    let (x, mut both) = (normal(&mut rng, ROWS * 2 * half), Aligned::zeros(ROWS * 2 * half));
    let mut out = normal(&mut rng, ROWS * half);
    group.throughput(Throughput::Elements((ROWS * half) as u64));
    group.bench_function("gate", |bencher| bencher.iter(|| kernels.run(GateKeeping { x: &x, out: &mut out, half })));
    group.bench_function("gate back", |bencher| {
        both.copy_from_slice(&x);
        bencher.iter(|| kernels.run(GateBack { x: &mut both, out: &mut out, half }));
    });
    let shape = HeadShape { heads: 4, groups: 2, key: 32, cap: Some(30.0) };
    let (tokens, candidates, stride, wide) = (33, 8, 256, 128);
    let all = tokens + candidates;
    let qkv = normal(&mut rng, all * stride + PANEL);
    let d_out = normal(&mut rng, all * wide + PANEL);
    let (mut out, mut gradient) = (Aligned::zeros(all * wide), Aligned::zeros(all * stride));
    let (mut log_sums, mut scratch) = (Aligned::zeros(all * 4), AttendScratch::default());
    let mut mask = Aligned::zeros(padded(tokens));
    mask[..tokens].fill(1.0);
    let seen = [33; 8];
    let queries = [
        Queries { first: 0, rows: tokens, seen: Seen::Causal },
        Queries { first: tokens, rows: candidates, seen: Seen::Candidates(&seen) },
    ];
    let sequence = Sequence { first: 0, tokens, mask: &mask, queries: &queries };
    group.throughput(Throughput::Elements(1));
    group.bench_function("attention of one user", |bencher| {
        bencher.iter(|| {
            kernels.run(AttendForward {
                shape,
                sequence,
                qkv: Rows { data: &qkv, stride },
                out: RowsMut { data: &mut out, stride: wide },
                log_sums: &mut log_sums,
                scratch: &mut scratch,
            });
        });
    });
    group.bench_function("attention of one user back", |bencher| {
        bencher.iter(|| {
            kernels.run(AttendBack {
                shape,
                sequence,
                qkv: Rows { data: &qkv, stride },
                out: Rows { data: &out, stride: wide },
                out_gradient: Rows { data: &d_out, stride: wide },
                log_sums: &log_sums,
                gradient: RowsMut { data: &mut gradient, stride },
                scratch: &mut scratch,
            });
        });
    });
    group.finish();
}

criterion_group!(benches, products, rows);
criterion_main!(benches);
