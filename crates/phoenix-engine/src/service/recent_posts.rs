//! The index of one retrieval model over the recent posts, and what leaves it by age.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use foryou_types::{PostId, TimeMs, UserId};
use parking_lot::{Mutex, RwLock};

use crate::ExactIndex;

/// Posts with their vectors, searched by many while one writes.
pub(super) struct RecentPosts {
    index: RwLock<ExactIndex>,
    /// Every indexed post by its time, oldest on top; a deleted one stays in here until its time comes.
    by_age: Mutex<BinaryHeap<Reverse<(TimeMs, PostId)>>>,
}

impl RecentPosts {
    /// An empty index of vectors of a width.
    pub(super) fn new(width: usize) -> Self {
        Self { index: RwLock::new(ExactIndex::new(width)), by_age: Mutex::new(BinaryHeap::new()) }
    }

    /// Adds a post or replaces its vector.
    pub(super) fn insert(&self, post: PostId, author: UserId, created_at: TimeMs, vector: &[f32]) {
        if self.index.write().insert(post, author, created_at, vector) {
            self.by_age.lock().push(Reverse((created_at, post)));
        }
    }

    /// Takes a post out.
    pub(super) fn remove(&self, post: PostId) {
        self.index.write().remove(post);
    }

    /// Takes out the posts created before a moment.
    pub(super) fn drop_older(&self, than: TimeMs) {
        loop {
            let mut by_age = self.by_age.lock();
            match by_age.peek() {
                Some(Reverse((created_at, _))) if *created_at < than => {}
                _ => return,
            }
            let Some(Reverse((_, post))) = by_age.pop() else { return };
            drop(by_age);
            self.remove(post);
        }
    }

    /// Number of posts.
    pub(super) fn len(&self) -> usize {
        self.index.read().len()
    }

    /// The up to `k` posts nearest to `query` created at or after `not_before` for which `exclude` is false, best first; whoever
    /// writes waits meanwhile.
    pub(super) fn search(
        &self,
        query: &[f32],
        k: usize,
        not_before: TimeMs,
        exclude: impl Fn(PostId, UserId) -> bool + Sync,
    ) -> Vec<(PostId, UserId, f32)> {
        self.index.read().search(query, k, not_before, exclude)
    }
}
