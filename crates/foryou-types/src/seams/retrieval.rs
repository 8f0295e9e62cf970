//! Phoenix retrieval: posts for a viewer out of the whole corpus.

use std::sync::Arc;

use async_trait::async_trait;

use super::SeamError;
use crate::{PostId, TimeMs, UserActionSequence, UserId};

/// The question to retrieval.
#[derive(Clone, Debug)]
pub struct RetrievalRequest {
    /// The viewer.
    pub user_id: UserId,
    /// The viewer's history as the state keeps it, oldest first, not cut: the model cuts it to its own length by
    /// [`UserActionSequence::windowed`].
    pub history: Arc<UserActionSequence>,
    /// At most this many posts.
    pub max_results: usize,
    /// Posts older than this moment are not wanted.
    pub not_before: TimeMs,
    /// Posts not wanted: what the viewer has seen, was served or acted on. The viewer's own posts are never wanted.
    pub exclude_post_ids: Vec<PostId>,
    /// The moment of the request.
    pub now: TimeMs,
}

/// A retrieved post.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retrieved {
    /// The post.
    pub post_id: PostId,
    /// Its author, none where unknown.
    pub author_id: UserId,
    /// The retrieval score, comparable within one answer.
    pub score: f32,
}

/// The answer of retrieval, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetrievalResponse {
    /// The posts.
    pub posts: Vec<Retrieved>,
    /// The model version that answered; `None` for the popularity prior.
    pub model: Option<Arc<str>>,
}

impl RetrievalRequest {
    /// Most posts that a request may exclude.
    pub const MOST_EXCLUDED: usize = 20_000;
}

/// Finds posts for a viewer in the whole corpus.
#[async_trait]
pub trait Retrieval: Send + Sync {
    /// The best posts of the corpus for the viewer.
    async fn retrieve(&self, request: RetrievalRequest) -> Result<RetrievalResponse, SeamError>;
}
