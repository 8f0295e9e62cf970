//! Thunder: recent posts of followed accounts.

use async_trait::async_trait;

use super::SeamError;
use crate::{PostId, TimeMs, UserId};

/// A recent post as Thunder knows it (the documents' `LightPost`; times in seconds there, milliseconds here).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LightPost {
    /// The post.
    pub post_id: PostId,
    /// Who posted it.
    pub author_id: UserId,
    /// When it was posted.
    pub created_at: TimeMs,
    /// The post it answers.
    pub in_reply_to_post_id: PostId,
    /// The author of the post it answers.
    pub in_reply_to_user_id: UserId,
    /// Whether it is a repost.
    pub is_retweet: bool,
    /// Whether it is a reply.
    pub is_reply: bool,
    /// The reposted post.
    pub source_post_id: PostId,
    /// The author of the reposted post.
    pub source_user_id: UserId,
    /// Whether it is exactly one video of at least five seconds.
    pub has_video: bool,
    /// The first post of the thread.
    pub conversation_id: PostId,
}

/// What the viewer's followed accounts posted lately: the question to Thunder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InNetworkRequest {
    /// The viewer.
    pub user_id: UserId,
    /// The accounts the viewer follows. Empty: Thunder looks them up where it can.
    pub following_user_ids: Vec<UserId>,
    /// At most this many posts; 0 for the configured default.
    pub max_results: usize,
    /// Posts not wanted.
    pub exclude_post_ids: Vec<PostId>,
    /// `recent`, or empty for it.
    pub algorithm: String,
    /// Ask for counters of the lookup.
    pub debug: bool,
    /// Only posts with a video.
    pub is_video_request: bool,
    /// The moment of the question where it is not the store's own now.
    pub now: Option<TimeMs>,
}

/// Thunder's answer, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InNetworkResponse {
    /// The posts.
    pub posts: Vec<LightPost>,
    /// Not every followed account was looked at (deadline).
    pub partial: bool,
    /// What was cut short: lists longer than the limits.
    pub warnings: Vec<String>,
}

/// Thunder.
#[async_trait]
pub trait InNetworkPosts: Send + Sync {
    /// Recent posts of followed accounts, newest first.
    async fn get_in_network_posts(&self, request: InNetworkRequest) -> Result<InNetworkResponse, SeamError>;
}
