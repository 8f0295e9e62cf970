//! The seams between the parts: one trait per outside service of the documents. Each has an implementation in this process and can
//! have one over a wire, and the parts never know which they were given.
//!
//! Every question is asked once per request for all candidates together, and its answer has one value for each of them, in their
//! order. Questions and answers are plain data.

mod gizmoduck;
mod in_network;
mod ranking;
mod retrieval;
mod served_recorder;
mod social_graph;
mod strato;
mod tweet_entities;
mod visibility;

use thiserror::Error;

pub use gizmoduck::{Gizmoduck, UserProfile};
pub use in_network::{InNetworkPosts, InNetworkRequest, InNetworkResponse, LightPost};
pub use ranking::{Ranking, RankingCandidate, RankingRequest, RankingResponse};
pub use retrieval::{Retrieval, RetrievalRequest, RetrievalResponse, Retrieved};
pub use served_recorder::{ServedFeed, ServedPost, ServedRecorder};
pub use social_graph::{SocialGraph, ViewerGraph};
pub use strato::{RecordWindow, SeenAndServed, Strato, ViewerPreferences};
pub use tweet_entities::{CoreData, TweetEntities};
pub use visibility::{FilteredReason, Visibility, VisibilityFiltering, VisibilityRequest};

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
