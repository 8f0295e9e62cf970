//! SocialGraph: the edges between people (follow, block, mute, subscribe).

use async_trait::async_trait;
use foryou_types::UserId;
use foryou_types::seams::SeamError;

/// The edges around one viewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewerGraph {
    /// Accounts the viewer follows, newest first.
    pub followed: Vec<UserId>,
    /// Accounts the viewer blocks.
    pub blocked: Vec<UserId>,
    /// Accounts the viewer mutes.
    pub muted: Vec<UserId>,
    /// Accounts that block the viewer.
    pub blocked_by: Vec<UserId>,
    /// Accounts the viewer pays for.
    pub subscribed: Vec<UserId>,
}

/// The service that knows the graph.
#[async_trait]
pub trait SocialGraph: Send + Sync {
    /// The edges around a viewer.
    async fn viewer_graph(&self, viewer: UserId) -> Result<ViewerGraph, SeamError>;

    /// Per user, whether they follow the viewer; same order and length.
    async fn follow_back(&self, viewer: UserId, users: &[UserId]) -> Result<Vec<bool>, SeamError>;
}
