//! VisibilityFiltering: which posts may be shown to a viewer.

use std::sync::Arc;

use async_trait::async_trait;
use foryou_types::seams::SeamError;
use foryou_types::{PostId, TimeMs, UserId};

use crate::candidate::Visibility;
use crate::query::UserFeatures;

/// A post whose visibility is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibilityRequest {
    /// The post.
    pub post_id: PostId,
    /// Its author, none where unknown.
    pub author_id: UserId,
    /// The posts it answers, reposts and quotes: a post is shown only if they may be.
    pub related: Vec<PostId>,
}

/// The service that decides what may be shown.
#[async_trait]
pub trait VisibilityFiltering: Send + Sync {
    /// Per post the verdict for the viewer at a moment; same order and length. `features` say whom the viewer follows (nobody
    /// where they were not fetched).
    async fn verdicts(
        &self,
        viewer: UserId,
        posts: &[VisibilityRequest],
        features: Option<Arc<UserFeatures>>,
        now: TimeMs,
    ) -> Result<Vec<Visibility>, SeamError>;
}
