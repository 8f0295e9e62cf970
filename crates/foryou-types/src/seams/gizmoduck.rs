//! Gizmoduck: people's profiles.

use std::sync::Arc;

use async_trait::async_trait;

use super::SeamError;
use crate::UserId;

/// A person's public profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserProfile {
    /// The name shown.
    pub screen_name: Option<Arc<str>>,
    /// Followers.
    pub followers: u64,
    /// Verified.
    pub verified: bool,
    /// Only followers see this person's posts.
    pub protected: bool,
    /// Suspended by the platform.
    pub suspended: bool,
}

/// The service that knows people's profiles.
#[async_trait]
pub trait Gizmoduck: Send + Sync {
    /// Per user the profile, `None` for an unknown user; same order and length.
    async fn profiles(&self, users: &[UserId]) -> Result<Vec<Option<UserProfile>>, SeamError>;
}
