//! The options and the result of a request for a feed.

use std::sync::Arc;
use std::time::Instant;

use candidate_pipeline::{ComponentTiming, Removed, StageSizes, StageTimings, Trace};
use foryou_types::{TimeMs, UserId};
use thiserror::Error;

use crate::notes::Degraded;

/// Most items in an answer, whatever the caller asks.
pub const MAX_RESULT_SIZE: usize = 200;

/// How one request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedOptions {
    /// Keep every decision about every candidate ([`FeedResult::explanation`]).
    pub explain: bool,
    /// Record the feed as served: it will not be served again within the profile's window.
    pub record: bool,
    /// When the answer must be ready; what is not done by then is left out and flagged.
    pub deadline: Option<Instant>,
}

/// A request that cannot be answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FeedError {
    /// The request is wrong; asking again will not help.
    #[error("{field}: {problem}")]
    InvalidArgument {
        /// The field of the request.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// A ranked feed.
#[derive(Debug)]
pub struct FeedResult<C> {
    /// The request's id, generated where the caller gave none.
    pub request_id: String,
    /// The viewer.
    pub viewer: UserId,
    /// The items, best first.
    pub items: Arc<Vec<C>>,
    /// The model version that predicted the actions; `None` for the popularity prior.
    pub model: Option<String>,
    /// Whether the popularity prior predicted the actions: no model, a viewer without history, or a ranker that failed (then
    /// the scorer is among the degraded).
    pub ranked_by_prior: bool,
    /// Whether the viewer has a history.
    pub viewer_has_history: bool,
    /// The moment the feed was made for.
    pub now: TimeMs,
    /// What did not go as it should; empty when all is well.
    pub degraded: Vec<Degraded>,
    /// Why the feed is empty: what the sources gave and which filters removed it; `None` if it has items.
    pub empty_because: Option<String>,
    /// Where the time went.
    pub timings_ms: StageTimings,
    /// Time of each component that ran, in pipeline order; those of one parallel stage overlap.
    pub components_ms: Vec<ComponentTiming>,
    /// How many candidates each stage left.
    pub sizes: StageSizes,
    /// Every decision, where [`FeedOptions::explain`] asked for it.
    pub explanation: Option<Explanation<C>>,
}

/// Every decision about every candidate of a request.
#[derive(Debug)]
pub struct Explanation<C> {
    /// The way of each candidate through the pipeline.
    pub trace: Trace,
    /// What each filter removed, with the candidates as they were then.
    pub removed: Vec<Removed<C>>,
    /// Ranked candidates that are not in the feed, in score order.
    pub non_selected: Arc<Vec<C>>,
}
