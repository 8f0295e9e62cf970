//! A list that is sorted only as far as it is read.

use std::cmp::Ordering;

use foryou_types::{PostId, TimeMs, UserId, shuffle_key};

/// A post of the popular list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PopularPost {
    /// The post.
    pub post_id: PostId,
    /// Its author; [`UserId::NONE`] in sets without authors.
    pub author_id: UserId,
    /// When it was created.
    pub created_at: TimeMs,
    /// Weighted score of the popularity prior.
    pub score: f64,
}

impl PopularPost {
    /// Best first; among equals the newest first; among posts of one moment an order that does not follow their ids.
    fn order(&self, other: &Self) -> Ordering {
        (other.score.total_cmp(&self.score))
            .then_with(|| other.created_at.cmp(&self.created_at))
            .then_with(|| self.shuffled().cmp(&other.shuffled()))
    }

    fn shuffled(&self) -> (u64, PostId) {
        (shuffle_key(self.post_id.0, 0), self.post_id)
    }
}

/// Posts, sorted best first as far as they were read.
#[derive(Debug)]
pub(crate) struct Ranked {
    posts: Vec<PopularPost>,
    sorted: usize,
}

impl Ranked {
    /// Posts sorted at first; the sorted part doubles each time.
    const BLOCK: usize = 1_024;

    pub(crate) fn new(posts: Vec<PopularPost>) -> Self {
        Self { posts, sorted: 0 }
    }

    /// The post at a rank, from 0.
    pub(crate) fn at(&mut self, rank: usize) -> Option<&PopularPost> {
        while rank >= self.sorted && self.sorted < self.posts.len() {
            let rest = &mut self.posts[self.sorted..];
            let block = self.sorted.max(Self::BLOCK).min(rest.len());
            if block < rest.len() {
                rest.select_nth_unstable_by(block, PopularPost::order);
            }
            rest[..block].sort_unstable_by(PopularPost::order);
            self.sorted += block;
        }
        self.posts.get(rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foryou_types::{Rng, SplitMix64};

    #[test]
    fn reading_on_is_the_same_as_sorting_all() {
        let mut rng = SplitMix64::new(1);
        let posts: Vec<_> = (1..=5_000)
            .map(|id| PopularPost {
                post_id: PostId(id),
                author_id: UserId(1),
                created_at: TimeMs(rng.below(3) as i64),
                score: rng.below(40) as f64,
            })
            .collect();
        let mut all = posts.clone();
        all.sort_by(PopularPost::order);
        let mut ranked = Ranked::new(posts);
        let read: Vec<_> = (0..).map_while(|rank| ranked.at(rank).copied()).collect();
        assert_eq!(read, all);
        assert!(Ranked::new(Vec::new()).at(0).is_none());
    }
}
