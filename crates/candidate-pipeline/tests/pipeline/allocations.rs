//! How often one request allocates. A count is the same on every machine, so it can be a test; a time cannot.

#![expect(unsafe_code, reason = "counting allocations takes a global allocator, which is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use async_trait::async_trait;
use candidate_pipeline::{
    Budget, Budgets, ExecuteOptions, Filter, Hydrator, KeepMask, Pipeline, Scorer, Selector, Source, StageError,
};

struct Counting;

thread_local! {
    /// Allocations of this thread: tests run beside each other.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator; the counter has no destructor and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps `alloc`'s contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `System` by one of these methods.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: `ptr` came from `System` by one of these methods, and the caller keeps the rest of the contract.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// 256 bytes.
#[derive(Clone)]
struct Wide([u64; 32]);

struct Idle(&'static str);

#[async_trait]
impl Source<(), Wide> for Idle {
    fn name(&self) -> &'static str {
        self.0
    }
    async fn get_candidates(&self, (): &(), _: &Budget) -> Result<Vec<Wide>, StageError> {
        Ok((0..750).map(|i| Wide([i * 7919 % 1009; 32])).collect())
    }
}

#[async_trait]
impl Hydrator<(), Wide> for Idle {
    type Fields = ();
    fn name(&self) -> &'static str {
        self.0
    }
    async fn hydrate(&self, (): &(), items: &[Wide], _: &Budget) -> Result<Vec<Result<(), StageError>>, StageError> {
        Ok(items.iter().map(|_| Ok(())).collect())
    }
    fn update(&self, _: &mut Wide, (): ()) {}
}

impl Filter<(), Wide> for Idle {
    fn name(&self) -> &'static str {
        self.0
    }
    fn filter(&self, (): &(), items: &[Wide], keep: &mut KeepMask, _: &Budget) -> Result<(), StageError> {
        keep.remove_because(items.len() / 2, || unreachable!("no trace, no reason"));
        Ok(())
    }
}

#[async_trait]
impl Scorer<(), Wide> for Idle {
    type Fields = u64;
    fn name(&self) -> &'static str {
        self.0
    }
    async fn score(&self, (): &(), items: &[Wide], _: &Budget) -> Result<Vec<u64>, StageError> {
        Ok(items.iter().map(|item| item.0[0]).collect())
    }
    fn update(&self, item: &mut Wide, score: u64) {
        item.0[1] = score;
    }
}

impl Selector<(), Wide> for Idle {
    fn name(&self) -> &'static str {
        self.0
    }
    fn score(&self, item: &Wide) -> f64 {
        item.0[1] as f64
    }
    fn id(&self, item: &Wide) -> u64 {
        item.0[0]
    }
    fn size(&self, (): &()) -> usize {
        50
    }
    fn result_size(&self, (): &()) -> usize {
        35
    }
}

#[test]
fn at_most_sixty_with_or_without_deadlines() {
    let second = std::time::Duration::from_secs(1);
    for budgets in [Budgets::default(), Budgets::default().request(second).default_cap(second)] {
        let mut builder = Pipeline::builder("idle").source(Idle("a")).source(Idle("b")).selector(Idle("top"));
        for name in ["h0", "h1", "h2", "h3", "h4"] {
            builder = builder.hydrator(Idle(name));
        }
        for name in ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11"] {
            builder = builder.filter(Idle(name));
        }
        for name in ["s0", "s1", "s2", "s3"] {
            builder = builder.scorer(Idle(name));
        }
        let pipeline = builder.budgets(budgets).build().expect("valid");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let run = || runtime.block_on(pipeline.execute((), ExecuteOptions::default()));
        drop(run());
        let before = ALLOCATIONS.get();
        let answer = run();
        let allocations = ALLOCATIONS.get() - before;
        assert_eq!((answer.sizes.sources, answer.sizes.filters, answer.selected.len()), (1_500, 1_488, 35));
        assert!(allocations <= 60, "{allocations} allocations");
        // The components' own: 2 + 5 + 4 boxed futures and as many vectors.
        assert!(allocations > 22, "{allocations} allocations: not counted?");
    }
}
