//! The January pipeline, put together: which components there are and in what order they run.

use std::sync::Arc;
use std::time::Duration;

use candidate_pipeline::{Budgets, BuildError, Pipeline};
use mixer_kit::{OffsetScorer, PhoenixScorer, RequestLog, WeightedScorer};

use crate::candidate::PostCandidate;
use crate::candidate_hydrators::{
    ActedOnHydrator, CoreDataCandidateHydrator, EngagementCountsHydrator, GizmoduckCandidateHydrator,
    InNetworkCandidateHydrator, LanguageCandidateHydrator, MutualFollowHydrator, QuoteCandidateHydrator,
    SubscriptionHydrator, TwinVisibilityHydrator, VFCandidateHydrator, VideoDurationCandidateHydrator,
};
use crate::clients::Clients;
use crate::filters::{
    AgeFilter, AuthorSocialgraphFilter, CoreDataHydrationFilter, DedupConversationFilter, DropDuplicatesFilter,
    IneligibleSubscriptionFilter, MutedKeywordFilter, OutOfNetworkRetweetReplyFilter, RetweetDeduplicationFilter,
    SelfTweetFilter, TopicFilter, TwinVisibilityFilter, VFFilter, VideoFilter, previously_seen_posts_filter,
    previously_served_posts_filter,
};
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;
use crate::query_hydrators::{ImpressionHistoryQueryHydrator, UserActionSeqQueryHydrator, UserFeaturesQueryHydrator};
use crate::scorers::{OONScorer, author_diversity_scorer};
use crate::selectors::top_k_score_selector;
use crate::side_effects::{CacheRequestInfoSideEffect, RecordServedSideEffect, RequestInfo};
use crate::sources::{PhoenixSource, PopularSource, ThunderSource};

/// The pipeline's name in metrics and log lines.
const NAME: &str = "for_you";

/// Puts the pipeline together over its clients.
pub(crate) fn build(
    clients: Clients,
    params: &MixerParams,
    requests: Arc<RequestLog<RequestInfo>>,
) -> Result<Pipeline<ScoredPostsQuery, PostCandidate>, BuildError> {
    let Clients {
        thunder,
        retrieval,
        popular,
        ranking,
        prior,
        strato,
        gizmoduck,
        tweet_entities,
        visibility,
        social_graph,
        served_recorder,
        cache_clock,
        clock: _,
        rng: _,
    } = clients;
    let builder = Pipeline::builder(NAME)
        .query_hydrator(UserActionSeqQueryHydrator::new(Arc::clone(&strato)))
        .query_hydrator(UserFeaturesQueryHydrator::new(Arc::clone(&social_graph), Arc::clone(&strato)))
        .query_hydrator(ImpressionHistoryQueryHydrator::new(Arc::clone(&strato)))
        .source(ThunderSource::new(thunder, params.thunder_max_results))
        .source(PhoenixSource::new(retrieval, params))
        .source(PopularSource::new(popular, params))
        .hydrator(CoreDataCandidateHydrator::new(Arc::clone(&tweet_entities)))
        .hydrator(InNetworkCandidateHydrator)
        .hydrator(VideoDurationCandidateHydrator)
        .hydrator(SubscriptionHydrator)
        .hydrator(GizmoduckCandidateHydrator::new(gizmoduck))
        .hydrator(QuoteCandidateHydrator::new(Arc::clone(&tweet_entities)))
        .hydrator(LanguageCandidateHydrator)
        .hydrator(MutualFollowHydrator::new(social_graph))
        .hydrator(TwinVisibilityHydrator::new(Arc::clone(&visibility)))
        .hydrator(ActedOnHydrator::new(strato))
        .filter(DropDuplicatesFilter)
        .filter(CoreDataHydrationFilter)
        .filter(AgeFilter)
        .filter(SelfTweetFilter)
        .filter(OutOfNetworkRetweetReplyFilter::new(params));
    let builder = if params.january_retweet_dedup { builder.filter(RetweetDeduplicationFilter) } else { builder };
    let builder = builder
        .filter(IneligibleSubscriptionFilter)
        .filter(previously_seen_posts_filter())
        .filter(previously_served_posts_filter(params))
        .filter(MutedKeywordFilter::default())
        .filter(AuthorSocialgraphFilter)
        .filter(VideoFilter)
        .filter(TopicFilter)
        .filter(TwinVisibilityFilter::new(params));
    let builder = if params.january_retweet_dedup { builder } else { builder.filter(RetweetDeduplicationFilter) };
    builder
        .scorer(PhoenixScorer::new(ranking, prior))
        .scorer(WeightedScorer::new(params.january_order))
        .scorer(author_diversity_scorer(params))
        .scorer(OONScorer::new(params))
        .scorer(OffsetScorer::new(!params.january_order))
        .selector(top_k_score_selector(params))
        .post_selection_hydrator(VFCandidateHydrator::new(visibility))
        .post_selection_hydrator(EngagementCountsHydrator::cached(tweet_entities, cache_clock))
        .post_selection_filter(VFFilter::new(params))
        .post_selection_filter(DedupConversationFilter)
        .side_effect(CacheRequestInfoSideEffect::new(requests))
        .side_effect(RecordServedSideEffect::new(served_recorder))
        .budgets(budgets(params))
        .build()
}

/// Shares of the request's time that a component which waits for a client may take, in percent. Two stages that hang leave
/// time for the others: one of each stage at its cap, the two waves of hydrators counted twice, is 95 %.
const SHARES: [(&str, u32); 15] = [
    (UserActionSeqQueryHydrator::NAME, 20),
    (UserFeaturesQueryHydrator::NAME, 20),
    (ImpressionHistoryQueryHydrator::NAME, 20),
    (ThunderSource::NAME, 20),
    (PhoenixSource::NAME, 20),
    (PopularSource::NAME, 20),
    (CoreDataCandidateHydrator::NAME, 10),
    (GizmoduckCandidateHydrator::NAME, 10),
    (QuoteCandidateHydrator::NAME, 10),
    (EngagementCountsHydrator::NAME, 10),
    (MutualFollowHydrator::NAME, 10),
    (TwinVisibilityHydrator::NAME, 10),
    (ActedOnHydrator::NAME, 10),
    (PhoenixScorer::NAME, 25),
    (VFCandidateHydrator::NAME, 10),
];

fn budgets(params: &MixerParams) -> Budgets {
    let request = Duration::from_millis(params.request_budget_ms);
    SHARES.iter().fold(Budgets::default().request(request), |budgets, &(component, percent)| {
        budgets.cap(component, request * percent / 100)
    })
}
