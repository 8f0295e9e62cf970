//! Strato: the viewer's own data.

use std::sync::Arc;

use async_trait::async_trait;

use super::SeamError;
use crate::{PostId, TimeMs, UserActionSequence, UserId};

/// What a viewer set for themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewerPreferences {
    /// Words and phrases the viewer does not want to read.
    pub muted_keywords: Arc<[String]>,
    /// The viewer's factor on out-of-network posts, where set.
    pub oon_factor: Option<f64>,
}

/// What the server itself showed and served a viewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenAndServed {
    /// Posts with a recorded impression.
    pub seen: Vec<PostId>,
    /// Posts served within the asked window, newest first, cut to the asked number.
    pub served: Vec<PostId>,
}

/// How much of the server's own record of a viewer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordWindow {
    /// Impressions from this moment on.
    pub seen_since: TimeMs,
    /// Posts served from this moment on ...
    pub served_since: TimeMs,
    /// ... up to this one: the moment of the request.
    pub now: TimeMs,
    /// ... at most this many, the newest.
    pub served_limit: usize,
}

/// The service that keeps the viewer's own data.
#[async_trait]
pub trait Strato: Send + Sync {
    /// The newest tokens of the viewer's engagement history, oldest first.
    async fn user_action_sequence(&self, viewer: UserId) -> Result<Arc<UserActionSequence>, SeamError>;

    /// What the viewer set for themselves.
    async fn preferences(&self, viewer: UserId) -> Result<ViewerPreferences, SeamError>;

    /// What the server showed and served the viewer.
    async fn seen_and_served(&self, viewer: UserId, window: RecordWindow) -> Result<SeenAndServed, SeamError>;

    /// Per post, its original: what a repost reposts in the end, else the post itself; same order and length.
    async fn originals(&self, posts: &[PostId]) -> Result<Vec<PostId>, SeamError>;

    /// Per post, whether the viewer ever acted on it and did not take that back; same order and length.
    async fn acted_on(&self, viewer: UserId, posts: &[PostId]) -> Result<Vec<bool>, SeamError>;
}
