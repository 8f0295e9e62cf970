//! What serving asks of a retrieval model.

use foryou_types::{ActionSet, UserId};
use phoenix::{CandidateItem, HistoryItem};

/// A model that gives viewers and posts vectors whose dot product is relevance.
pub trait ServedRetrieval: Send + Sync + 'static {
    /// What it was trained on. Bits beyond it are refused in a history.
    fn action_set(&self) -> &ActionSet;

    /// Length S of the history, as [`ServedRanker::history_len`](super::ServedRanker::history_len).
    fn history_len(&self) -> usize;

    /// Values of a vector.
    fn width(&self) -> usize;

    /// The viewer's vector `[D]`.
    fn user_vector(&self, user: UserId, history: &[HistoryItem]) -> Vec<f32>;

    /// Vectors of posts, `[N, D]` row-major. That of a post does not depend on the others.
    fn post_vectors(&self, posts: &[CandidateItem]) -> Vec<f32>;
}
