//! The posts nearest to a viewer, exactly.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use foryou_types::{PostId, TimeMs, UserId, shuffle_key};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use kernels::{Kernels, Scan, padded};

/// Slots that one thread scans at a time.
const CHUNK: usize = 2_048;

/// An index that finds exactly the posts with the highest dot products by looking at all of them.
///
/// Posts enter and leave one by one; the room of those that left is used again. A post's score does not depend on where it lies.
#[derive(Clone, Debug)]
pub struct ExactIndex {
    kernels: Kernels,
    dimension: usize,
    stride: usize,
    /// `[slots, stride]`, zero-padded.
    vectors: Vec<f32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    slots: FxHashMap<PostId, u32>,
}

/// A slot; free where the post is 0.
#[derive(Clone, Copy, Debug)]
struct Entry {
    post: PostId,
    author: UserId,
    created_at: TimeMs,
}

/// A post found. The greatest is the worst, so that a heap gives it up first.
#[derive(Clone, Copy, Debug)]
struct Found {
    score: f32,
    entry: Entry,
}

impl Ord for Found {
    /// Of equal posts the newest is the better; those of one moment have an order that is not that of their ids.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |found: &Self| (shuffle_key(found.entry.post.0, 0), found.entry.post);
        (other.score.total_cmp(&self.score))
            .then_with(|| other.entry.created_at.cmp(&self.entry.created_at))
            .then_with(|| key(self).cmp(&key(other)))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Found {}

impl ExactIndex {
    /// An empty index of vectors of `dimension` values.
    pub fn new(dimension: usize) -> Self {
        Self {
            kernels: Kernels::native(),
            dimension,
            stride: padded(dimension.max(1)),
            vectors: Vec::new(),
            entries: Vec::new(),
            free: Vec::new(),
            slots: FxHashMap::default(),
        }
    }

    /// Number of posts.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds no posts.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether the post is there.
    pub fn contains(&self, post: PostId) -> bool {
        self.slots.contains_key(&post)
    }

    /// Puts a post in, or replaces it. Refused (`false`, and the index stays as it is): no post, a vector of another dimension, a value
    /// that is not finite.
    pub fn insert(&mut self, post: PostId, author: UserId, created_at: TimeMs, vector: &[f32]) -> bool {
        if post.is_none() || vector.len() != self.dimension || !vector.iter().all(|x| x.is_finite()) {
            return false;
        }
        let entry = Entry { post, author, created_at };
        let slot = if let Some(slot) = self.slots.get(&post).copied().or_else(|| self.free.pop()) {
            slot as usize
        } else {
            self.vectors.resize(self.vectors.len() + self.stride, 0.0);
            self.entries.push(entry);
            self.entries.len() - 1
        };
        self.entries[slot] = entry;
        self.vectors[slot * self.stride..][..self.dimension].copy_from_slice(vector);
        self.slots.insert(post, slot as u32);
        true
    }

    /// Takes a post out; whether it was there.
    pub fn remove(&mut self, post: PostId) -> bool {
        let Some(slot) = self.slots.remove(&post) else { return false };
        self.entries[slot as usize].post = PostId::NONE;
        self.free.push(slot);
        true
    }

    /// The up to `k` posts with the highest dot product with `query`, best first, of those created at or after `not_before` for which
    /// `exclude` is false. Of equal ones the newest is first; those of one moment have an order that is not that of their ids. Nothing
    /// for a query of another dimension.
    ///
    /// `exclude` is asked only about posts that would otherwise be among the best so far.
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        not_before: TimeMs,
        exclude: impl Fn(PostId, UserId) -> bool + Sync,
    ) -> Vec<(PostId, UserId, f32)> {
        if k == 0 || query.len() != self.dimension {
            return Vec::new();
        }
        let mut padded = query.to_vec();
        padded.resize(self.stride, 0.0);
        let chunks = self.vectors.par_chunks(CHUNK * self.stride).zip(self.entries.par_chunks(CHUNK));
        let best = chunks
            .fold(BinaryHeap::new, |mut best: BinaryHeap<Found>, (rows, entries)| {
                let mut scores = [0.0; CHUNK];
                let scores = &mut scores[..entries.len()];
                self.kernels.run(Scan { query: &padded, rows, out: scores });
                for (&score, entry) in scores.iter().zip(entries) {
                    // `+ 0` makes a negative zero the zero that it equals.
                    let found = Found { score: score + 0.0, entry: *entry };
                    let full = best.len() >= k;
                    if (full && best.peek().is_some_and(|worst| found > *worst))
                        || entry.post.is_none()
                        || entry.created_at < not_before
                        || exclude(entry.post, entry.author)
                    {
                        continue;
                    }
                    if full {
                        best.pop();
                    }
                    best.push(found);
                }
                best
            })
            .reduce(BinaryHeap::new, |mut a, b| {
                a.extend(b);
                while a.len() > k {
                    a.pop();
                }
                a
            });
        best.into_sorted_vec().into_iter().map(|f| (f.entry.post, f.entry.author, f.score)).collect()
    }
}
