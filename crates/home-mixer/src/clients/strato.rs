//! Strato: the viewer's own data.

use std::sync::Arc;

use async_trait::async_trait;
use foryou_types::seams::SeamError;
use foryou_types::{PostId, TimeMs, UserActionSequence, UserId};

/// What a viewer set for themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewerPreferences {
    /// Words and phrases the viewer does not want to read.
    pub muted_keywords: Vec<String>,
    /// The viewer's factor on out-of-network posts, where set.
    pub oon_factor: Option<f64>,
}

/// What the server itself showed and served a viewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenAndServed {
    /// Posts with a recorded impression.
    pub seen: Vec<PostId>,
    /// Posts the viewer acted on.
    pub acted: Vec<PostId>,
    /// Posts served since the asked moment, newest first, cut to the asked number.
    pub served: Vec<PostId>,
}

/// The service that keeps the viewer's own data.
#[async_trait]
pub trait Strato: Send + Sync {
    /// The newest tokens of the viewer's engagement history, oldest first.
    async fn user_action_sequence(&self, viewer: UserId) -> Result<Arc<UserActionSequence>, SeamError>;

    /// What the viewer set for themselves.
    async fn preferences(&self, viewer: UserId) -> Result<ViewerPreferences, SeamError>;

    /// What the server showed and served the viewer: impressions since `seen_since`, at most `served_limit` posts served since
    /// `served_since`.
    async fn seen_and_served(
        &self,
        viewer: UserId,
        seen_since: TimeMs,
        served_since: TimeMs,
        served_limit: usize,
    ) -> Result<SeenAndServed, SeamError>;
}
