//! What the framework itself costs ([`benchmarks::pipeline`]), beside the same work by hand.
//!
//! * `pipeline` - one request through `Pipeline::execute`, no trace, no deadline.
//! * `pipeline_deadline` - the same with a request budget, so that every component that could wait is under a timer.
//! * `pipeline_explain` - the same with a trace of every candidate.
//! * `components_alone` - what the components do by themselves: making 384 KB of candidates, one vector of results per
//!   hydrator and scorer. What the pipeline takes beyond this is the framework: calling, merging, sorting, cutting, timing.
//! * `plain_loop` - the same request as a hand-written loop would do it, for scale: merges in place and sorts the candidates
//!   themselves.
//!
//! Scores come from a fixed hash of the id, so that the sort has work to do and all runs sort the same. Before the
//! measurements, the allocations of one request of each kind are counted and printed.

#![expect(unsafe_code, reason = "counting allocations takes a global allocator, which is an unsafe trait")]
#![expect(clippy::print_stdout, reason = "the counts are part of the benchmark's output")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use benchmarks::pipeline::{FILTERS, HYDRATORS, Item, PER_SOURCE, RETURNED, SCORERS, keep_memory, pipeline};
use candidate_pipeline::{Budgets, ExecuteOptions};
use criterion::{Criterion, criterion_group, criterion_main};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator; the counter has no influence on it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `System` by one of these methods.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `ptr` came from `System` by one of these methods, and the caller keeps the rest of the contract.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The components by hand. Not inlined, since the pipeline's components cannot be either.
mod by_hand {
    use candidate_pipeline::StageError;

    use super::{Item, PER_SOURCE, black_box};

    #[inline(never)]
    pub(crate) fn source(from: u64) -> Vec<Item> {
        (from..from + PER_SOURCE).map(Item::new).collect()
    }

    #[inline(never)]
    pub(crate) fn hydrate(items: &[Item]) -> Vec<Result<(), StageError>> {
        items.iter().map(|_| Ok(())).collect()
    }

    #[inline(never)]
    pub(crate) fn filter(items: &[Item], keep: &mut [bool]) {
        black_box((items, keep));
    }

    #[inline(never)]
    pub(crate) fn score(items: &[Item]) -> Vec<f64> {
        items.iter().map(|item| item.score).collect()
    }
}

fn components_alone() {
    let lists = [by_hand::source(0), by_hand::source(PER_SOURCE)];
    for items in &lists {
        for _ in HYDRATORS {
            black_box(by_hand::hydrate(items));
        }
        for _ in FILTERS {
            by_hand::filter(items, &mut []);
        }
        for _ in SCORERS {
            black_box(by_hand::score(items));
        }
    }
    black_box(lists);
}

fn plain_loop() -> (Vec<Item>, Vec<Item>) {
    let mut items = by_hand::source(0);
    items.append(&mut by_hand::source(PER_SOURCE));
    for _ in HYDRATORS {
        let results = by_hand::hydrate(&items);
        for (item, result) in items.iter_mut().zip(results) {
            if result.is_ok() {
                black_box(item);
            }
        }
    }
    let mut keep = Vec::new();
    for _ in FILTERS {
        keep.clear();
        keep.resize(items.len(), true);
        by_hand::filter(&items, &mut keep);
        let mut flags = keep.iter();
        items.retain(|_| flags.next().copied().unwrap_or(true));
    }
    for _ in SCORERS {
        let scores = by_hand::score(&items);
        for (item, score) in items.iter_mut().zip(scores) {
            item.score = score;
        }
    }
    items.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    let rest = items.split_off(RETURNED);
    (items, rest)
}

fn overhead(c: &mut Criterion) {
    keep_memory();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let unlimited = pipeline(Budgets::default()).expect("a valid pipeline");
    let second = Duration::from_secs(1);
    let limited = pipeline(Budgets::default().request(second).default_cap(second)).expect("a valid pipeline");
    let plain = ExecuteOptions::default();
    let explain = ExecuteOptions::EXPLAIN;

    let answer = runtime.block_on(unlimited.execute((), plain));
    let by_hand = plain_loop();
    let ids = |items: &[Item]| items.iter().map(|item| item.id).collect::<Vec<_>>();
    assert_eq!(ids(&answer.selected), ids(&by_hand.0), "both give the same feed");
    assert_eq!(ids(&answer.non_selected), ids(&by_hand.1), "and the same rest");
    assert!(answer.selected.iter().all(|item| item.payload == [item.id; 30]), "whole candidates are moved");

    println!("allocations per request (bound: 60)");
    println!("  pipeline          {}", count(|| drop(runtime.block_on(unlimited.execute((), plain)))));
    println!("  pipeline_deadline {}", count(|| drop(runtime.block_on(limited.execute((), plain)))));
    println!("  pipeline_explain  {}", count(|| drop(runtime.block_on(unlimited.execute((), explain)))));
    println!("  components_alone  {}", count(components_alone));
    println!("  plain_loop        {}", count(|| drop(plain_loop())));

    let mut quickest = answer.timings;
    for _ in 0..1_000 {
        let timings = runtime.block_on(unlimited.execute((), plain)).timings;
        if timings.total < quickest.total {
            quickest = timings;
        }
    }
    println!("the quickest of 1,000 requests, in ms: {quickest:.4?}");

    let mut group = c.benchmark_group("overhead");
    group.bench_function("pipeline", |b| b.iter(|| runtime.block_on(unlimited.execute((), plain))));
    group.bench_function("pipeline_deadline", |b| b.iter(|| runtime.block_on(limited.execute((), plain))));
    group.bench_function("pipeline_explain", |b| b.iter(|| runtime.block_on(unlimited.execute((), explain))));
    group.bench_function("components_alone", |b| b.iter(components_alone));
    group.bench_function("plain_loop", |b| b.iter(plain_loop));
    group.finish();
}

fn count(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    run();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

criterion_group!(benches, overhead);
criterion_main!(benches);
