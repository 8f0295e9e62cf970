//! Vectors of posts by retrieval, for exact scores of any of them.

use foryou_types::PostId;
use phoenix::CandidateItem;
use phoenix_engine::ServedRetrieval;
use rustc_hash::FxHashMap;

/// The vectors of one model, `[N, D]`.
#[derive(Default)]
pub(crate) struct PostVectors {
    place: FxHashMap<PostId, usize>,
    d: usize,
    values: Vec<f32>,
}

impl PostVectors {
    /// Adds the posts that are missing.
    pub(crate) fn add(
        &mut self,
        model: &dyn ServedRetrieval,
        posts: impl Iterator<Item = PostId>,
        item: impl Fn(PostId) -> CandidateItem,
    ) {
        self.d = model.width();
        let mut items = Vec::new();
        for post in posts {
            let next = self.place.len();
            if *self.place.entry(post).or_insert(next) == next {
                items.push(item(post));
            }
        }
        self.values.extend(model.post_vectors(&items));
    }

    /// A post's score for a user's vector `[D]`; a post that was not added scores below all others.
    pub(crate) fn dot(&self, user: &[f32], post: PostId) -> f64 {
        let vector = self.place.get(&post).map(|i| &self.values[i * self.d..(i + 1) * self.d]);
        vector.map_or(f64::NEG_INFINITY, |v| user.iter().zip(v).map(|(a, b)| f64::from(a * b)).sum())
    }
}
