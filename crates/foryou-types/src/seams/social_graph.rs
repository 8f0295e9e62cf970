//! SocialGraph: the edges between people (follow, block, mute, subscribe).

use async_trait::async_trait;

use super::SeamError;
use crate::{Accounts, UserId};

/// The edges around one viewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewerGraph {
    /// Accounts the viewer follows, newest first.
    pub followed: Accounts,
    /// Accounts the viewer blocks.
    pub blocked: Accounts,
    /// Accounts the viewer mutes.
    pub muted: Accounts,
    /// Accounts that block the viewer.
    pub blocked_by: Accounts,
    /// Accounts the viewer pays for.
    pub subscribed: Accounts,
}

/// The service that knows the graph.
#[async_trait]
pub trait SocialGraph: Send + Sync {
    /// The edges around a viewer.
    async fn viewer_graph(&self, viewer: UserId) -> Result<ViewerGraph, SeamError>;

    /// Per user, whether they follow the viewer; same order and length.
    async fn follow_back(&self, viewer: UserId, users: &[UserId]) -> Result<Vec<bool>, SeamError>;
}
