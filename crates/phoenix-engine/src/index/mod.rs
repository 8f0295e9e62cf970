//! The posts nearest to a viewer, exactly.

mod found;
mod shortlist;

use std::collections::BinaryHeap;

use foryou_types::{PostId, TimeMs, UserId};
use kernels::{Int8Query, Int8Rows, Kernels, Scan, padded};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use self::found::{Entry, Found};
use self::shortlist::shortlist;

/// Slots that one thread scans at a time.
const CHUNK: usize = 2_048;

/// Slots from which on a scan of i8 rows comes first. Below, the f32 rows are in a cache, and looking at them takes no longer.
const I8_FROM: usize = 8_192;

/// A shortlist may hold one slot in so many; looking up more of them one by one takes longer than a scan of all.
const SHORT: usize = 8;

/// Slots of a shortlist that one thread looks up at a time.
const LOOKED_UP: usize = 256;

/// An index that finds exactly the posts with the highest dot products by looking at all of them.
///
/// Posts enter and leave one by one; the room of those that left is used again. A post's score does not depend on where it lies.
///
/// A large index first scans its rows as i8, a quarter of the memory, and looks up in f32 only those that can be among the best:
/// how far an i8 product can be from that in f32 is known ([`Int8Rows`]). So the answer is that of a scan in f32, to the bit.
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
    /// The rows as i8, if they are ever scanned, from `i8_from` slots on.
    coarse: Option<Int8Rows>,
    i8_from: usize,
}

impl ExactIndex {
    /// An empty index of vectors of `dimension` values.
    pub fn new(dimension: usize) -> Self {
        Self::with_i8_from(dimension, I8_FROM)
    }

    /// As [`Self::new`], with the rows scanned as i8 once there are `slots` of them: 0 for always, `usize::MAX` for never (then none are
    /// kept). It changes no answer, only how long it takes and the memory (a quarter more).
    pub fn with_i8_from(dimension: usize, slots: usize) -> Self {
        Self {
            kernels: Kernels::native(),
            dimension,
            stride: padded(dimension.max(1)),
            vectors: Vec::new(),
            entries: Vec::new(),
            free: Vec::new(),
            slots: FxHashMap::default(),
            coarse: if slots == usize::MAX { None } else { Int8Rows::new(dimension) },
            i8_from: slots,
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
        if let Some(coarse) = &mut self.coarse {
            coarse.set(slot, vector);
        }
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
        let admits = |e: &Entry| e.post.is_some() && e.created_at >= not_before && !exclude(e.post, e.author);
        let best = self.best_by_i8(query, &padded, k, &admits).unwrap_or_else(|| self.best_of_all(&padded, k, &admits));
        best.into_iter().map(|f| (f.entry.post, f.entry.author, f.score)).collect()
    }

    /// The best by a scan of the i8 rows; `None` where that is not done, or rules out too little.
    fn best_by_i8(
        &self,
        query: &[f32],
        padded: &[f32],
        k: usize,
        admits: &(impl Fn(&Entry) -> bool + Sync),
    ) -> Option<Vec<Found>> {
        let coarse = self.coarse.as_ref().filter(|_| self.entries.len() >= self.i8_from)?;
        let query = Int8Query::new(query)?;
        let limit = (self.entries.len() / SHORT).max(2 * k);
        let admits = |slot: usize| self.entries.get(slot).is_some_and(admits);
        let slots = shortlist(self.kernels, coarse, &query, k, limit, admits)?;
        let look_up = |&slot: &u32| {
            let mut score = [0.0];
            let rows = &self.vectors[slot as usize * self.stride..][..self.stride];
            self.kernels.run(Scan { query: padded, rows, out: &mut score });
            Found { score: score[0] + 0.0, entry: self.entries[slot as usize] }
        };
        let mut found: Vec<Found> = slots.par_iter().with_min_len(LOOKED_UP).map(look_up).collect();
        if found.len() > k {
            found.select_nth_unstable(k - 1);
            found.truncate(k);
        }
        found.sort_unstable();
        Some(found)
    }

    /// The best by a scan of all f32 rows.
    fn best_of_all(&self, padded: &[f32], k: usize, admits: &(impl Fn(&Entry) -> bool + Sync)) -> Vec<Found> {
        let chunks = self.vectors.par_chunks(CHUNK * self.stride).zip(self.entries.par_chunks(CHUNK));
        let best = chunks
            .fold(BinaryHeap::new, |mut best: BinaryHeap<Found>, (rows, entries)| {
                let mut scores = [0.0; CHUNK];
                let scores = &mut scores[..entries.len()];
                self.kernels.run(Scan { query: padded, rows, out: scores });
                for (&score, entry) in scores.iter().zip(entries) {
                    // `+ 0` makes a negative zero the zero that it equals.
                    let found = Found { score: score + 0.0, entry: *entry };
                    let full = best.len() >= k;
                    if (full && best.peek().is_some_and(|worst| found > *worst)) || !admits(entry) {
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
        best.into_sorted_vec()
    }
}
