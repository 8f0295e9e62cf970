//! The viewer's own data from the state store.

use std::sync::Arc;

use async_trait::async_trait;
use foryou_types::seams::{RecordWindow, SeamError, SeenAndServed, Strato, ViewerPreferences};
use foryou_types::{PostId, UserActionSequence, UserId};

use super::off_worker;
use crate::StateStore;

/// [`Strato`] over the state store.
pub struct StateStrato(pub Arc<StateStore>);

#[async_trait]
impl Strato for StateStrato {
    async fn user_action_sequence(&self, viewer: UserId) -> Result<Arc<UserActionSequence>, SeamError> {
        off_worker(&self.0, move |store| store.action_sequence(viewer)).await
    }

    async fn preferences(&self, viewer: UserId) -> Result<ViewerPreferences, SeamError> {
        let muted_keywords = off_worker(&self.0, move |store| store.muted_keywords(viewer)).await?;
        // No event sets a viewer's own out-of-network factor yet: the profile's counts.
        Ok(ViewerPreferences { muted_keywords, oon_factor: None })
    }

    async fn seen_and_served(&self, viewer: UserId, window: RecordWindow) -> Result<SeenAndServed, SeamError> {
        off_worker(&self.0, move |store| {
            let seen = store.seen_posts(viewer, window.seen_since)?;
            let served = store.served_posts(viewer, window.served_since..=window.now, window.served_limit)?;
            Ok(SeenAndServed { seen, served: served.into_iter().map(|(post, _)| post).collect() })
        })
        .await
    }

    async fn originals(&self, posts: &[PostId]) -> Result<Vec<PostId>, SeamError> {
        let posts = posts.to_vec();
        off_worker(&self.0, move |store| posts.iter().map(|&post| store.original(post)).collect()).await
    }

    async fn acted_on(&self, viewer: UserId, posts: &[PostId]) -> Result<Vec<bool>, SeamError> {
        let posts = posts.to_vec();
        off_worker(&self.0, move |store| store.acted_among(viewer, &posts)).await
    }
}
