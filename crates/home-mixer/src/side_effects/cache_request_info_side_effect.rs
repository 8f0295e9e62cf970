//! What was asked and answered lately, for support and debugging.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{SideEffect, SideEffectInput, StageError};
use foryou_types::{PostId, Surface, TimeMs, UserId};
use mixer_kit::{Logged, Outcome, RankedBy, RequestLog, RequestNotes};

use crate::candidate::{PostCandidate, ServedType};
use crate::query::ScoredPostsQuery;

/// What a request costs in addition to its own fields: its entries in the two lists and its notes.
const OVERHEAD_BYTES: usize = 512;

/// What the caller asked.
#[derive(Clone, Debug, PartialEq)]
pub struct QuerySummary {
    /// The app the viewer uses.
    pub client_app_id: i32,
    /// Where the viewer is.
    pub country_code: String,
    /// What the viewer reads.
    pub language_code: String,
    /// The product surface.
    pub surface: Surface,
    /// How many posts were wanted.
    pub limit: usize,
    /// Posts the client said the viewer has seen.
    pub seen_ids: usize,
    /// Posts the client said it was served.
    pub served_ids: usize,
    /// Bloom filters of impressions.
    pub bloom_filter_entries: usize,
    /// A request for more at the bottom.
    pub is_bottom_request: bool,
    /// No posts with video.
    pub exclude_videos: bool,
    /// Only posts with video.
    pub video_only: bool,
    /// Topics asked for.
    pub topic_ids: Vec<u32>,
    /// Tokens of the viewer's history that were used; `None` where it was not fetched.
    pub history_tokens: Option<usize>,
    /// Accounts the viewer follows; `None` where the graph was not fetched.
    pub followed: Option<usize>,
}

/// A post of the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShownPost {
    /// The post.
    pub post_id: PostId,
    /// Its author.
    pub author_id: UserId,
    /// Its final score.
    pub score: Option<f64>,
    /// The source that gave it.
    pub served_type: Option<ServedType>,
    /// Whether the viewer follows its author.
    pub in_network: Option<bool>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The request.
    pub request_id: String,
    /// The viewer.
    pub viewer: UserId,
    /// The moment the feed was made for.
    pub now: TimeMs,
    /// What was asked.
    pub query: QuerySummary,
    /// What was answered, in order.
    pub selected: Vec<ShownPost>,
    /// Ranked candidates that were not in the answer.
    pub non_selected: usize,
    notes: Arc<RequestNotes>,
}

impl RequestInfo {
    /// What predicted the actions; `None` where nothing did.
    pub fn ranked_by(&self) -> Option<&RankedBy> {
        self.notes.ranked_by()
    }

    /// Timings and what was degraded; `None` in the moment between the side effect and the end of the request.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.notes.outcome()
    }
}

impl Logged for RequestInfo {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn bytes(&self) -> usize {
        let QuerySummary { country_code, language_code, topic_ids, .. } = &self.query;
        // The id stands in the entry, the map and the list.
        OVERHEAD_BYTES
            + size_of::<Self>()
            + 3 * self.request_id.len()
            + country_code.len()
            + language_code.len()
            + size_of_val(topic_ids.as_slice())
            + size_of_val(self.selected.as_slice())
    }
}

/// Remembers the request and its answer. Off when only in-network posts were asked for, as in the documents.
pub struct CacheRequestInfoSideEffect {
    log: Arc<RequestLog<RequestInfo>>,
}

impl CacheRequestInfoSideEffect {
    /// The component's name.
    pub const NAME: &'static str = "CacheRequestInfoSideEffect";

    /// Into this log.
    pub fn new(log: Arc<RequestLog<RequestInfo>>) -> Self {
        Self { log }
    }
}

#[async_trait]
impl SideEffect<ScoredPostsQuery, PostCandidate> for CacheRequestInfoSideEffect {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        !query.in_network_only
    }

    async fn run(&self, input: Arc<SideEffectInput<ScoredPostsQuery, PostCandidate>>) -> Result<(), StageError> {
        let query = &input.query;
        self.log.put(RequestInfo {
            request_id: query.request_id.clone(),
            viewer: query.user_id,
            now: query.now,
            query: QuerySummary {
                client_app_id: query.client_app_id,
                country_code: query.country_code.clone(),
                language_code: query.language_code.clone(),
                surface: query.surface,
                limit: query.limit,
                seen_ids: query.seen_ids.len(),
                served_ids: query.served_ids.len(),
                bloom_filter_entries: query.bloom_filter_entries.len(),
                is_bottom_request: query.is_bottom_request,
                exclude_videos: query.exclude_videos,
                video_only: query.video_only,
                topic_ids: query.topic_ids.clone(),
                history_tokens: query.user_action_sequence.as_ref().map(|s| s.tokens.len()),
                followed: query.user_features.as_ref().map(|f| f.followed_user_ids.len()),
            },
            selected: input
                .selected
                .iter()
                .map(|c| ShownPost {
                    post_id: c.tweet_id,
                    author_id: c.author_id,
                    score: c.score,
                    served_type: c.served_type,
                    in_network: c.in_network,
                })
                .collect(),
            non_selected: input.non_selected.len(),
            notes: Arc::clone(&query.notes),
        });
        Ok(())
    }
}
