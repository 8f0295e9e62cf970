//! What an index keeps of a post, and the order of the posts found.

use std::cmp::Ordering;

use foryou_types::{PostId, TimeMs, UserId, shuffle_key};

/// A slot; free where the post is 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) post: PostId,
    pub(super) author: UserId,
    pub(super) created_at: TimeMs,
}

/// A post found. The greatest is the worst, so that a heap gives it up first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) score: f32,
    pub(super) entry: Entry,
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
