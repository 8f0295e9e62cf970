//! VisibilityFiltering: which posts may be shown to a viewer.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::SeamError;
use crate::{PostId, TimeMs, UserId};

/// Why a post must not be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum FilteredReason {
    /// The post carries a label that drops it.
    PostLabel {
        /// The label.
        label: String,
    },
    /// Its author carries a label that drops it.
    AuthorLabel {
        /// The label.
        label: String,
    },
    /// Deleted.
    Deleted,
    /// Its author is protected and the viewer does not follow them.
    ProtectedAuthor,
    /// Its author is suspended and the viewer does not follow them.
    SuspendedAuthor,
    /// A post it answers, reposts or quotes must not be shown.
    Related {
        /// That post.
        post_id: PostId,
        /// Why.
        because: Box<FilteredReason>,
    },
}

/// The verdict on showing a post to a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// May be shown.
    Allow,
    /// Must not be shown.
    Drop(FilteredReason),
}

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
    /// Per post the verdict for the viewer at a moment; same order and length. The service itself knows whom the viewer follows.
    async fn verdicts(
        &self,
        viewer: UserId,
        posts: &[VisibilityRequest],
        now: TimeMs,
    ) -> Result<Vec<Visibility>, SeamError>;
}
