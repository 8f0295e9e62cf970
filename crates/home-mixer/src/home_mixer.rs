//! The service: a query in, a ranked feed out.
//!
//! # What happens to a feed when a client fails
//!
//! A client fails by an error, by not answering within its part of the request's time, or by an answer of the wrong length. A
//! request never fails for it. In every row the component that asked is among [`FeedResult::degraded`], with the reason.
//!
//! | client | asked by | the feed then |
//! |---|---|---|
//! | Thunder | `ThunderSource` | out-of-network posts only |
//! | Phoenix retrieval | `PhoenixSource` | in-network posts only |
//! | popular posts | `PopularSource` | a viewer without history: in-network posts only |
//! | Phoenix ranking | `PhoenixScorer` | the same posts, ranked by the popularity prior (`model: null`); where single posts have no score only those, and one with a head that is NaN or infinite comes last |
//! | popularity prior | `PhoenixScorer` | where it was needed: the same posts without probabilities, the newest first with authors mixed |
//! | Strato, engagement history | `UserActionSeqQueryHydrator` | that of a viewer without history: in-network and popular posts, ranked by the prior |
//! | Strato, preferences | `UserFeaturesQueryHydrator` | empty: without muted keywords no post can be let through |
//! | Strato, seen and served | `ImpressionHistoryQueryHydrator` | posts may come back that only the server, not the client, remembers |
//! | Strato, what the viewer acted on | `ActedOnHydrator` | posts may come back that the viewer acted on, but has no impression of |
//! | SocialGraph, viewer's graph | `UserFeaturesQueryHydrator` | empty: without blocks and mutes no post can be let through |
//! | SocialGraph, who follows back | `MutualFollowHydrator` | the same posts; replies between mutual follows are not boosted |
//! | TweetEntities, core data | `CoreDataCandidateHydrator` | empty: without its content and its paywall no post can be let through |
//! | TweetEntities, quoted and answered posts | `QuoteCandidateHydrator` | without quotes and replies for a viewer who mutes words, without quotes for one who avoids someone; else the same posts |
//! | TweetEntities, engagement counts | `EngagementCountsHydrator` | the same posts without counts |
//! | Gizmoduck | `GizmoduckCandidateHydrator` | the same posts without names; keywords in handles are not seen |
//! | VisibilityFiltering | `VFCandidateHydrator` | in-network posts only (all posts where `visibility_fail_closed` is off) |
//! | served recorder | `RecordServedSideEffect` | the same feed, not recorded; in the log, the metrics and [`HomeMixer::side_effect_failures`], since the feed has left by then |

use std::sync::Arc;

use candidate_pipeline::{BuildError, ExecuteOptions, Execution, Pipeline, SideEffectFailure, Stage};
use foryou_types::Rng;
use mixer_kit::{
    Degraded, Explanation, FeedError, FeedOptions, FeedQuery, MAX_RESULT_SIZE, Outcome, RankedBy, RecordsInFlight,
    RequestLog, RequestNotes,
};
use parking_lot::Mutex;

use crate::candidate::PostCandidate;
use crate::clients::Clients;
use crate::params::MixerParams;
use crate::pipeline;
use crate::query::ScoredPostsQuery;
use crate::side_effects::{RecordServedSideEffect, RequestInfo};

/// Request ids longer than this are refused: they are kept and logged.
const MAX_REQUEST_ID: usize = 128;

/// A ranked feed of posts.
pub type FeedResult = mixer_kit::FeedResult<PostCandidate>;

/// The For You feed as a service. Share it behind an [`Arc`].
pub struct HomeMixer {
    pipeline: Pipeline<ScoredPostsQuery, PostCandidate>,
    requests: Arc<RequestLog<RequestInfo>>,
    records: Arc<RecordsInFlight>,
    rng: Arc<Mutex<dyn Rng>>,
}

impl HomeMixer {
    /// A mixer over these clients; fails only where the pipeline itself is wrong.
    pub fn build_with_clients(clients: Clients, params: MixerParams) -> Result<Self, BuildError> {
        let requests = Arc::new(RequestLog::new(Arc::clone(&clients.clock)));
        let rng = Arc::clone(&clients.rng);
        let pipeline = pipeline::build(clients, &params, Arc::clone(&requests))?;
        Ok(Self { pipeline, requests, records: Arc::default(), rng })
    }

    /// The viewer's feed.
    ///
    /// Fails only for a request that is wrong; whatever else goes wrong is in [`FeedResult::degraded`]. Hydrated fields of the
    /// query are overwritten by what the query hydrators fetch, and stay where one fails.
    pub async fn scored_posts(
        &self,
        mut query: ScoredPostsQuery,
        options: FeedOptions,
    ) -> Result<FeedResult, FeedError> {
        check(&query)?;
        if query.request_id.is_empty() {
            query.request_id = self.new_request_id();
        }
        query.record = options.record;
        // A query that was executed before carries that request's notes.
        let notes = Arc::new(RequestNotes::default());
        query.notes = Arc::clone(&notes);
        if !self.records.settled(query.user_id).await {
            notes.degrade(
                RecordServedSideEffect::NAME,
                "the viewer's last feed is not recorded yet: posts of it may come again",
            );
        }
        query.record_in_flight = options.record.then(|| Arc::new(self.records.begin(query.user_id)));

        let execute = ExecuteOptions { explain: options.explain, deadline: options.deadline };
        let execution = self.pipeline.execute(query, execute).await;

        let query = &execution.query;
        let mut degraded: Vec<Degraded> = execution
            .degraded
            .iter()
            .map(|d| Degraded { component: d.component.to_owned(), reason: d.reason.clone() })
            .collect();
        degraded.extend(notes.degraded());
        let timings_ms = execution.timings;
        notes.set_outcome(Outcome { timings: timings_ms, degraded: degraded.clone() });
        let model = match notes.ranked_by() {
            Some(RankedBy::Model(version)) => Some(version.to_string()),
            _ => None,
        };
        Ok(FeedResult {
            request_id: query.request_id.clone(),
            viewer: query.user_id,
            now: query.now,
            viewer_has_history: query.has_actions(),
            ranked_by_prior: notes.ranked_by() == Some(&RankedBy::Prior),
            model,
            degraded,
            empty_because: execution.selected.is_empty().then(|| why_empty(&execution)),
            timings_ms,
            components_ms: execution.components,
            sizes: execution.sizes,
            explanation: execution.trace.map(|trace| Explanation {
                trace,
                removed: execution.removed,
                non_selected: execution.non_selected,
            }),
            items: execution.selected,
        })
    }

    /// What was asked and answered under a request id within the last 3 hours.
    pub fn request_info(&self, request_id: &str) -> Option<Arc<RequestInfo>> {
        self.requests.get(request_id)
    }

    /// Bytes of the requests that are remembered, about.
    pub fn request_log_bytes(&self) -> usize {
        self.requests.bytes()
    }

    /// Waits until no side effect is under way: before a shutdown, and in tests.
    pub async fn side_effects_idle(&self) {
        self.pipeline.side_effects_idle().await;
    }

    /// The latest failures of side effects, oldest first.
    pub fn side_effect_failures(&self) -> Vec<SideEffectFailure> {
        self.pipeline.side_effect_failures()
    }

    /// The pipeline, for its description: components and the order they run in.
    pub const fn pipeline(&self) -> &Pipeline<ScoredPostsQuery, PostCandidate> {
        &self.pipeline
    }

    /// 128 random bits.
    fn new_request_id(&self) -> String {
        let mut rng = self.rng.lock();
        let (high, low) = (rng.next_u64(), rng.next_u64());
        format!("{high:016x}{low:016x}")
    }
}

/// What happened to all candidates of a request that gave none.
fn why_empty(execution: &Execution<ScoredPostsQuery, PostCandidate>) -> String {
    let query = &execution.query;
    if execution.sizes.sources == 0 {
        let follows = query.user_features.as_ref().map_or_else(
            || "the viewer's follows are not known".to_owned(),
            |features| match features.followed_user_ids.len() {
                0 => "the viewer follows nobody".to_owned(),
                1 => "the viewer follows 1 account".to_owned(),
                followed => format!("the viewer follows {followed} accounts"),
            },
        );
        let only = if query.in_network_only { ", and only their posts were asked for" } else { "" };
        return format!("the sources found no post ({follows}{only})");
    }
    let removed = execution.removed.iter().filter(|removal| removal.count > 0).map(|removal| {
        let when = if removal.stage == Stage::PostSelectionFilter { " after selection" } else { "" };
        format!("{} removed {}{when}", removal.filter, removal.count)
    });
    let removed: Vec<_> = removed.collect();
    format!("of {} candidates {}", execution.sizes.sources, removed.join(", "))
}

/// Refuses a query that no feed can answer.
fn check(query: &ScoredPostsQuery) -> Result<(), FeedError> {
    let wrong = |field, problem: String| Err(FeedError::InvalidArgument { field, problem });
    if query.user_id.is_none() {
        return wrong("user_id", "must not be 0".to_owned());
    }
    if query.limit == 0 || query.limit > MAX_RESULT_SIZE {
        return wrong("limit", format!("must be 1 to {MAX_RESULT_SIZE}, not {}", query.limit));
    }
    if query.video_only && query.exclude_videos {
        return wrong("video_only", "contradicts exclude_videos".to_owned());
    }
    if query.request_id.len() > MAX_REQUEST_ID {
        return wrong(
            "request_id",
            format!("must have at most {MAX_REQUEST_ID} bytes, not {}", query.request_id.len()),
        );
    }
    Ok(())
}
