//! The graph from the state store.

use std::sync::Arc;

use async_trait::async_trait;
use event_log::EdgeKind;
use foryou_types::UserId;
use foryou_types::seams::SeamError;
use state_store::StateStore;

use super::internal;
use crate::clients::{SocialGraph, ViewerGraph};

/// [`SocialGraph`] over the state store.
pub struct StateSocialGraph(pub Arc<StateStore>);

#[async_trait]
impl SocialGraph for StateSocialGraph {
    async fn viewer_graph(&self, viewer: UserId) -> Result<ViewerGraph, SeamError> {
        let targets = |kind| self.0.targets(kind, viewer).map_err(internal);
        Ok(ViewerGraph {
            followed: targets(EdgeKind::Follow)?,
            blocked: targets(EdgeKind::Block)?,
            muted: targets(EdgeKind::Mute)?,
            blocked_by: self.0.sources(EdgeKind::Block, viewer).map_err(internal)?,
            subscribed: targets(EdgeKind::Subscribe)?,
        })
    }

    async fn follow_back(&self, viewer: UserId, users: &[UserId]) -> Result<Vec<bool>, SeamError> {
        users.iter().map(|&user| self.0.has_edge(EdgeKind::Follow, user, viewer).map_err(internal)).collect()
    }
}
