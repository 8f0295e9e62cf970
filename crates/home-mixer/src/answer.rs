//! The options and the result of a request for scored posts.

use std::sync::Arc;

use std::time::Instant;

use candidate_pipeline::{ComponentTiming, Removed, StageSizes, StageTimings, Trace};
use foryou_types::{TimeMs, UserId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::candidate::PostCandidate;
use crate::notes::Degraded;

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
pub enum MixerError {
    /// The request is wrong; asking again will not help.
    #[error("{field}: {problem}")]
    InvalidArgument {
        /// The field of the request.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// Wall time of each stage, in milliseconds, under the keys of the answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Stage 1.
    pub query_hydrators: f64,
    /// Stage 2.
    pub sources: f64,
    /// Stage 3.
    pub hydrators: f64,
    /// Stage 4.
    pub filters: f64,
    /// Stage 5.
    pub scorers: f64,
    /// Stage 6.
    pub selector: f64,
    /// Stages 7 and 8 with all refills.
    pub post_selection: f64,
    /// The whole request.
    pub total: f64,
}

impl From<&StageTimings> for Timings {
    fn from(t: &StageTimings) -> Self {
        Self {
            query_hydrators: t.query_hydrators,
            sources: t.sources,
            hydrators: t.hydrators,
            filters: t.filters,
            scorers: t.scorers,
            selector: t.selector,
            post_selection: t.post_selection,
            total: t.total,
        }
    }
}

/// A ranked feed.
#[derive(Debug)]
pub struct FeedResult {
    /// The request's id, generated where the caller gave none.
    pub request_id: String,
    /// The viewer.
    pub viewer: UserId,
    /// The posts, best first.
    pub posts: Vec<PostCandidate>,
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
    /// Why the feed is empty: what the sources gave and which filters removed it; `None` if it has posts.
    pub empty_because: Option<String>,
    /// Where the time went.
    pub timings_ms: Timings,
    /// Time of each component that ran, in pipeline order; those of one parallel stage overlap.
    pub components_ms: Vec<ComponentTiming>,
    /// How many candidates each stage left.
    pub sizes: StageSizes,
    /// Every decision, where [`FeedOptions::explain`] asked for it.
    pub explanation: Option<Explanation>,
}

/// Every decision about every candidate of a request.
#[derive(Debug)]
pub struct Explanation {
    /// The way of each candidate through the pipeline.
    pub trace: Trace,
    /// What each filter removed, with the candidates as they were then.
    pub removed: Vec<Removed<PostCandidate>>,
    /// Ranked candidates that are not in the feed, in score order.
    pub non_selected: Arc<Vec<PostCandidate>>,
}
