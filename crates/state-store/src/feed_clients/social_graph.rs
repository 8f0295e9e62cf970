//! The graph from the state store.

use std::sync::Arc;

use async_trait::async_trait;
use event_log::EdgeKind;
use foryou_types::UserId;
use foryou_types::seams::{SeamError, SocialGraph, ViewerGraph};

use super::off_worker;
use crate::StateStore;

/// [`SocialGraph`] over the state store.
pub struct StateSocialGraph(pub Arc<StateStore>);

#[async_trait]
impl SocialGraph for StateSocialGraph {
    async fn viewer_graph(&self, viewer: UserId) -> Result<ViewerGraph, SeamError> {
        off_worker(&self.0, move |store| {
            Ok(ViewerGraph {
                followed: store.targets(EdgeKind::Follow, viewer)?,
                blocked: store.targets(EdgeKind::Block, viewer)?,
                muted: store.targets(EdgeKind::Mute, viewer)?,
                blocked_by: store.sources(EdgeKind::Block, viewer)?,
                subscribed: store.targets(EdgeKind::Subscribe, viewer)?,
            })
        })
        .await
    }

    async fn follow_back(&self, viewer: UserId, users: &[UserId]) -> Result<Vec<bool>, SeamError> {
        let users = users.to_vec();
        off_worker(&self.0, move |store| {
            users.iter().map(|&user| store.has_edge(EdgeKind::Follow, user, viewer)).collect()
        })
        .await
    }
}
