//! People from the state store.

use std::sync::Arc;

use async_trait::async_trait;
use foryou_types::UserId;
use foryou_types::seams::{Gizmoduck, SeamError, UserProfile};

use super::off_worker;
use crate::StateStore;

/// [`Gizmoduck`] over the state store.
pub struct StateGizmoduck(pub Arc<StateStore>);

#[async_trait]
impl Gizmoduck for StateGizmoduck {
    async fn profiles(&self, users: &[UserId]) -> Result<Vec<Option<UserProfile>>, SeamError> {
        let users = users.to_vec();
        let profiles = off_worker(&self.0, move |store| store.profiles(&users)).await?;
        Ok(profiles
            .into_iter()
            .map(|found| {
                found.map(|p| UserProfile {
                    screen_name: p.screen_name.map(Arc::from),
                    followers: p.followers,
                    verified: p.verified,
                    protected: p.protected,
                    suspended: p.suspended,
                })
            })
            .collect())
    }
}
