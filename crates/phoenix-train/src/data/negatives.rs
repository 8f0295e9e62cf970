//! Posts that a person might have been shown, for data sets without impressions.

use std::ops::Range;

use foryou_types::{PostId, Rng, SplitMix64, TimeMs};
use rustc_hash::FxHashSet;

use super::posts::Posts;

/// Draws negatives: uniform, without repetition, among the posts that existed at a moment and were no older than a limit; where
/// none of those can be drawn, among all that existed. Never a post that the person acted on before.
pub(crate) struct Negatives {
    rng: SplitMix64,
    count: usize,
    max_age_ms: i64,
    /// What a draw has so far.
    drawn: FxHashSet<PostId>,
}

impl Negatives {
    /// `count` posts a draw, at most `max_age_ms` old.
    pub(crate) fn new(count: usize, max_age_ms: i64, seed: u64) -> Self {
        Self { rng: SplitMix64::fork(seed, "sampled negatives"), count, max_age_ms, drawn: FxHashSet::default() }
    }

    /// Posts that stand for what the person was shown at a moment together with `positive`; fewer than asked for if there are not
    /// enough.
    pub(crate) fn draw(
        &mut self,
        posts: &Posts,
        at: TimeMs,
        positive: PostId,
        acted: &dyn Fn(PostId) -> bool,
    ) -> Vec<PostId> {
        let existing = posts.created_until(at);
        let young = existing.partition_point(|(created_at, _)| *created_at < at - self.max_age_ms);
        let free = |post: PostId| post != positive && !acted(post) && posts.exists(post);
        let mut drawn = self.among(existing, young..existing.len(), &free);
        if drawn.is_empty() {
            drawn = self.among(existing, 0..young, &free);
        }
        drawn
    }

    fn among(&mut self, posts: &[(TimeMs, PostId)], range: Range<usize>, free: &dyn Fn(PostId) -> bool) -> Vec<PostId> {
        let posts = &posts[range];
        let mut drawn = Vec::with_capacity(self.count.min(posts.len()));
        self.drawn.clear();
        if posts.len() > 4 * self.count {
            // As long as that is cheaper than to look at every post.
            for _ in 0..(8 * self.count).max(posts.len() / 8) {
                let (_, post) = posts[self.rng.below(posts.len())];
                if free(post) && self.drawn.insert(post) {
                    drawn.push(post);
                    if drawn.len() == self.count {
                        return drawn;
                    }
                }
            }
        }
        // Few posts, or few that can be drawn: from the list of those.
        let mut left: Vec<PostId> =
            posts.iter().map(|(_, post)| *post).filter(|post| !self.drawn.contains(post) && free(*post)).collect();
        while drawn.len() < self.count && !left.is_empty() {
            drawn.push(left.swap_remove(self.rng.below(left.len())));
        }
        drawn
    }
}
