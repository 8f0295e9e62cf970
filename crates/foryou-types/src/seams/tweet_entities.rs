//! TweetEntityService: what posts are.

use std::sync::Arc;

use async_trait::async_trait;

use super::SeamError;
use crate::{PostId, TimeMs, UserId};

/// A post's content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoreData {
    /// Who posted it.
    pub author_id: UserId,
    /// Its text (with its title in front, where it has one); of a repost without words of its own, the original's.
    pub text: Option<Arc<str>>,
    /// When it was posted.
    pub created_at: TimeMs,
    /// The post it answers.
    pub in_reply_to: Option<PostId>,
    /// The original it reposts, and its author: of a repost of a repost, the post at the end.
    pub reposted: Option<(PostId, UserId)>,
    /// The authors of the reposts between it and the original, where it reposts or quotes a repost.
    pub reposted_through: Vec<UserId>,
    /// When the post it reposts was posted, where that is known.
    pub reposted_created_at: Option<TimeMs>,
    /// Whether the post it reposts was deleted.
    pub reposted_deleted: bool,
    /// The post it quotes.
    pub quoted: Option<(PostId, UserId)>,
    /// The posts above it in its thread, nearest first; of a repost, those above the original.
    pub ancestors: Vec<PostId>,
    /// The conversation it belongs to: the one given, else the first post of its thread; of a repost, the original's.
    pub conversation: Option<PostId>,
    /// Topics.
    pub topics: Vec<u32>,
    /// Language.
    pub language: Option<Arc<str>>,
    /// Length of its video, where it has one.
    pub video_duration_ms: Option<i32>,
    /// Only this author's subscribers may see it.
    pub subscription_author: Option<UserId>,
    /// Deleted.
    pub deleted: bool,
}

/// The service that knows what posts are.
#[async_trait]
pub trait TweetEntities: Send + Sync {
    /// Per post its content, `None` for an unknown post; same order and length.
    async fn core_data(&self, posts: &[PostId]) -> Result<Vec<Option<Arc<CoreData>>>, SeamError>;

    /// Per post the actions ever taken on it, by the action set; same order and length.
    async fn engagement_counts(&self, posts: &[PostId]) -> Result<Vec<Arc<[u64]>>, SeamError>;
}
