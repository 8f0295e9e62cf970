//! Phoenix ranking: what a viewer would do with posts.

use std::sync::Arc;

use async_trait::async_trait;

use super::SeamError;
use crate::{PostId, Surface, TimeMs, UserActionSequence, UserId};

/// A post to be ranked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingCandidate {
    /// The post (of a repost: the original).
    pub post_id: PostId,
    /// Its author.
    pub author_id: UserId,
    /// When it was posted, `None` where unknown.
    pub created_at: Option<TimeMs>,
    /// Where it would be shown.
    pub surface: Surface,
}

/// The question to ranking.
#[derive(Clone, Debug)]
pub struct RankingRequest {
    /// The viewer.
    pub user_id: UserId,
    /// The viewer's history as the state keeps it, oldest first, not cut: the model cuts it to its own length by
    /// [`UserActionSequence::windowed`].
    pub history: Arc<UserActionSequence>,
    /// The posts, `[C]`.
    pub candidates: Vec<RankingCandidate>,
    /// The moment of the request.
    pub now: TimeMs,
}

/// The answer of ranking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankingResponse {
    /// Per candidate the heads in the order of the action set, `[C, A]`: probabilities, and seconds for continuous heads. An empty
    /// row is a post that could not be scored.
    pub scores: Vec<Box<[f64]>>,
    /// The model version that answered; `None` for the popularity prior.
    pub model: Option<Arc<str>>,
}

/// Predicts what a viewer would do with posts.
#[async_trait]
pub trait Ranking: Send + Sync {
    /// Per candidate one value per head.
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError>;
}
