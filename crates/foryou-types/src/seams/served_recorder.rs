//! Where served feeds are recorded.

use async_trait::async_trait;

use super::SeamError;
use crate::{PostId, TimeMs, UserId};

/// A feed that was served.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServedFeed {
    /// The request.
    pub request_id: String,
    /// To whom.
    pub user_id: UserId,
    /// What, top first.
    pub posts: Vec<ServedPost>,
    /// The model version that ranked it; `None` for the popularity prior.
    pub model: Option<String>,
}

/// One post of a served feed. Its place in the list is its place in the feed.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedPost {
    /// The post.
    pub post_id: PostId,
    /// Its final score.
    pub score: f64,
    /// The name of the source that gave it; empty where none is known.
    pub source: String,
}

/// Records served feeds, from where they come back as `previously served` and as training data.
#[async_trait]
pub trait ServedRecorder: Send + Sync {
    /// Records a feed that was served at a moment (the request's now, so that a log clock is not moved by it).
    async fn record_served(&self, served: ServedFeed, at: TimeMs) -> Result<(), SeamError>;
}
