//! The seams between the parts: each trait has an implementation in this process and one over gRPC, and the parts never know
//! which they were given.

use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::{PostId, Surface, TimeMs, UserActionSequence, UserId};

/// Why a part did not answer.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SeamError {
    /// The request is wrong; asking again will not help.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// The part sheds load; ask again later.
    #[error("overloaded: {0}")]
    Overloaded(String),
    /// The part cannot answer now (not started, not bootstrapped, connection lost).
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// No answer in time.
    #[error("no answer in time")]
    DeadlineExceeded,
    /// A fault of the part itself.
    #[error("internal: {0}")]
    Internal(String),
}

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

/// The question to retrieval.
#[derive(Clone, Debug)]
pub struct RetrievalRequest {
    /// The viewer.
    pub user_id: UserId,
    /// The viewer's history as the state keeps it, oldest first, not cut: the model cuts it to its own length by
    /// [`UserActionSequence::windowed`].
    pub history: Arc<UserActionSequence>,
    /// At most this many posts.
    pub max_results: usize,
    /// Posts older than this moment are not wanted.
    pub not_before: TimeMs,
    /// Posts not wanted: what the viewer has seen, was served or acted on. The viewer's own posts are never wanted.
    pub exclude_post_ids: Vec<PostId>,
    /// The moment of the request.
    pub now: TimeMs,
}

/// A retrieved post.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retrieved {
    /// The post.
    pub post_id: PostId,
    /// Its author, none where unknown.
    pub author_id: UserId,
    /// The retrieval score, comparable within one answer.
    pub score: f32,
}

/// The answer of retrieval, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetrievalResponse {
    /// The posts.
    pub posts: Vec<Retrieved>,
    /// The model version that answered; `None` for the popularity prior.
    pub model: Option<Arc<str>>,
}

impl RetrievalRequest {
    /// Most posts that a request may exclude.
    pub const MOST_EXCLUDED: usize = 20_000;
}

/// Finds posts for a viewer in the whole corpus.
#[async_trait]
pub trait Retrieval: Send + Sync {
    /// The best posts of the corpus for the viewer.
    async fn retrieve(&self, request: RetrievalRequest) -> Result<RetrievalResponse, SeamError>;
}

/// A post to be ranked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingCandidate {
    /// The post (of a repost: the original).
    pub post_id: PostId,
    /// Its author.
    pub author_id: UserId,
    /// When it was posted, `None` where unknown.
    pub created_at: Option<TimeMs>,
    /// Where it would be shown.
    pub surface: Surface,
}

/// The question to ranking.
#[derive(Clone, Debug)]
pub struct RankingRequest {
    /// The viewer.
    pub user_id: UserId,
    /// The viewer's history as the state keeps it, oldest first, not cut: the model cuts it to its own length by
    /// [`UserActionSequence::windowed`].
    pub history: Arc<UserActionSequence>,
    /// The posts, `[C]`.
    pub candidates: Vec<RankingCandidate>,
    /// The moment of the request.
    pub now: TimeMs,
}

/// The answer of ranking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankingResponse {
    /// Per candidate the heads in the order of the action set, `[C, A]`: probabilities, and seconds for continuous heads. An empty
    /// row is a post that could not be scored.
    pub scores: Vec<Box<[f64]>>,
    /// The model version that answered; `None` for the popularity prior.
    pub model: Option<Arc<str>>,
}

/// Predicts what a viewer would do with posts.
#[async_trait]
pub trait Ranking: Send + Sync {
    /// Per candidate one value per head.
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError>;
}
