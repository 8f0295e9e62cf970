//! The viewer's own data from the state store.

use std::sync::Arc;

use async_trait::async_trait;
use foryou_types::seams::SeamError;
use foryou_types::{TimeMs, UserActionSequence, UserId};
use state_store::StateStore;

use super::internal;
use crate::clients::{SeenAndServed, Strato, ViewerPreferences};

/// [`Strato`] over the state store.
pub struct StateStrato(pub Arc<StateStore>);

#[async_trait]
impl Strato for StateStrato {
    async fn user_action_sequence(&self, viewer: UserId) -> Result<Arc<UserActionSequence>, SeamError> {
        self.0.action_sequence(viewer).map(Arc::new).map_err(internal)
    }

    async fn preferences(&self, viewer: UserId) -> Result<ViewerPreferences, SeamError> {
        let muted_keywords = self.0.muted_keywords(viewer).map_err(internal)?;
        // No event sets a viewer's own out-of-network factor yet: the profile's counts.
        Ok(ViewerPreferences { muted_keywords, oon_factor: None })
    }

    async fn seen_and_served(
        &self,
        viewer: UserId,
        seen_since: TimeMs,
        served_since: TimeMs,
        served_limit: usize,
    ) -> Result<SeenAndServed, SeamError> {
        let seen = self.0.seen_posts(viewer, seen_since).map_err(internal)?;
        let acted = self.0.acted_posts(viewer).map_err(internal)?.into_iter().collect();
        let served = self.0.served_posts(viewer, served_since, served_limit).map_err(internal)?;
        Ok(SeenAndServed { seen, acted, served: served.into_iter().map(|(post, _)| post).collect() })
    }
}
