//! A step that has seen its sizes allocates nothing on the threads that compute it.

#![expect(unsafe_code, reason = "counting allocations takes a global allocator, which is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crate::model::{LeafGradients, Moment, Network};

use super::assemble::{Batch, Passes, Posts, TowerPost};
use super::*;
use crate::tables::TableGradients;

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

fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

#[test]
fn a_step_of_the_ranker_allocates_nothing_after_the_first() {
    let (data, set) = (data(12), action_set());
    let recipe = checked(&data, &recipe(ModelKind::Ranker), &set).unwrap();
    let loss = RankerLoss::new(&data, &set, &recipe, recipe.heads.as_ref().unwrap());
    let objective = PhoenixObjective { data: &data, recipe: &recipe, action_set: &set, loss: &loss };
    let mut trained = objective.initial(5).unwrap();
    let numbers: Vec<u32> = (0..12).collect();
    let plan = StepPlan { seed: 5, step: 1, shards: Vec::new() };
    let mut step = || {
        let mut space = loss.workspaces().lend(ModelKind::Ranker, &recipe.model).unwrap();
        let sum = loss.fill(&mut space, &trained.model, &plan, &numbers, 1.0).unwrap_or(f64::NAN);
        assert!(sum.is_finite());
        let gradients = loss.workspaces().gradients(space, sum, 1, 1);
        objective.apply(&mut trained, gradients, 1e-3);
    };
    assert!(allocations(&mut step) > 0, "the first makes its buffers");
    step();
    assert_eq!(allocations(step), 0);
}

#[test]
fn a_pass_of_retrieval_allocates_nothing_after_the_first() {
    let (data, set) = (data(12), action_set());
    let recipe = checked(&data, &recipe(ModelKind::Retrieval), &set).unwrap();
    let loss = loss_of(ModelKind::Retrieval, &data, &recipe, &set).unwrap();
    let model = PhoenixObjective { data: &data, recipe: &recipe, action_set: &set, loss: &*loss }.new_model(5).unwrap();
    let numbers: Vec<u32> = (0..12).collect();
    let moments: Vec<Moment> = (0..12).map(|user| Moment { user, cutoff: 3 }).collect();
    let mut network = Network::new(ModelKind::Retrieval, &recipe.model).unwrap();
    let (mut batch, mut posts) = (Batch::default(), Posts::default());
    let (mut users, mut vectors, mut dense) = (Vec::new(), Vec::new(), Vec::new());
    let (mut leaves, mut tables) = (LeafGradients::default(), TableGradients::new(recipe.model.emb_size));
    let content = words(3);
    let mut pass = || {
        batch.take(&model, Passes { all: &data.train, numbers: &numbers }, None, false);
        let tower = (1..=POSTS).map(|post| TowerPost {
            post: PostId(post),
            hidden: false,
            author: UserId(2),
            content: &content,
        });
        posts.take(&model.config, &model.tables, tower);
        network.load(&model.dense).unwrap();
        network.users(&model.dense, &batch.history, &moments, &mut users);
        network.posts(&posts.ids, posts.text.as_deref(), &mut vectors);
        tables.clear();
        network.users_back(&batch.history, &moments, &users, &mut leaves);
        batch.scatter(&model, &leaves, &mut tables);
        network.posts_back(&vectors, true, &mut leaves);
        posts.scatter(&model, &leaves, &mut tables);
        network.gradients(&model.dense, &mut dense);
    };
    assert!(allocations(&mut pass) > 0, "the first makes its buffers");
    assert_eq!(allocations(pass), 0);
}
