//! Every component of the pipeline keeps the rules of `candidate_pipeline::compliance`.

use std::sync::Arc;
use std::time::Duration;

use candidate_pipeline::compliance::{Case, Subject, assert_component_compliance};
use foryou_io::ManualMonotonic;
use foryou_types::{PostId, UserId};
use home_mixer::candidate::PostCandidate;
use home_mixer::candidate_hydrators::{
    ActedOnHydrator, CoreDataCandidateHydrator, EngagementCountsHydrator, GizmoduckCandidateHydrator,
    InNetworkCandidateHydrator, LanguageCandidateHydrator, MutualFollowHydrator, QuoteCandidateHydrator,
    SubscriptionHydrator, TwinVisibilityHydrator, VFCandidateHydrator, VideoDurationCandidateHydrator,
};
use home_mixer::filters::{
    AgeFilter, AuthorSocialgraphFilter, CoreDataHydrationFilter, DedupConversationFilter, DropDuplicatesFilter,
    IneligibleSubscriptionFilter, MutedKeywordFilter, OutOfNetworkRetweetReplyFilter, RetweetDeduplicationFilter,
    SelfTweetFilter, TopicFilter, TwinVisibilityFilter, VFFilter, VideoFilter, previously_seen_posts_filter,
    previously_served_posts_filter,
};
use home_mixer::params::MixerParams;
use home_mixer::query::{ScoredPostsQuery, UserFeatures};
use home_mixer::query_hydrators::{
    ImpressionHistoryQueryHydrator, UserActionSeqQueryHydrator, UserFeaturesQueryHydrator,
};
use home_mixer::scorers::{OONScorer, author_diversity_scorer};
use home_mixer::selectors::top_k_score_selector;
use home_mixer::side_effects::{CacheRequestInfoSideEffect, RecordServedSideEffect};
use home_mixer::sources::{PhoenixSource, PopularSource, ThunderSource};
use mixer_kit::{OffsetScorer, PhoenixScorer, RequestLog, WeightedScorer};

use crate::mocks::{Call, Fault, HOUR, Mocks, NOW, VIEWER, World, post, query, some_history};

type One = Subject<ScoredPostsQuery, PostCandidate>;
/// A component, and what a query looks like on which it is off.
type Row = (One, Option<ScoredPostsQuery>);

/// A query on which every component takes part, as the query hydrators leave it.
fn full_query() -> ScoredPostsQuery {
    let mut query = query();
    query.user_features = Some(Arc::new(UserFeatures {
        followed_user_ids: [UserId(10)].into_iter().collect(),
        blocked_user_ids: [UserId(13)].into_iter().collect(),
        muted_keywords: ["llamas".to_owned()].into(),
        ..UserFeatures::default()
    }));
    query.user_action_sequence = Some(Arc::new(some_history()));
    query.history = Some(Arc::default());
    query.seen_ids = vec![PostId(105)];
    query.served_ids = vec![PostId(106)];
    query.is_bottom_request = true;
    query.exclude_videos = true;
    query.topic_ids = vec![7];
    query.record = true;
    query.limit = 3;
    query
}

fn candidate(id: u64, author: u64) -> PostCandidate {
    PostCandidate {
        tweet_id: PostId(id),
        author_id: UserId(author),
        tweet_text: Some("some text".into()),
        created_at: Some(NOW - HOUR),
        core_data: true,
        in_network: Some(author == 10),
        heads: Some([0.1, 0.2].into()),
        score: Some(id as f64 / 1_000.0),
        topics: vec![7],
        ..PostCandidate::default()
    }
}

/// Posts of which each filter has one to remove.
fn candidates() -> Vec<PostCandidate> {
    vec![
        candidate(100, 10),
        PostCandidate { tweet_text: Some("about llamas".into()), ..candidate(101, 11) },
        PostCandidate { video_duration_ms: Some(12_000), ..candidate(102, 10) },
        PostCandidate {
            retweeted_tweet_id: Some(PostId(100)),
            retweeted_user_id: Some(UserId(10)),
            ..candidate(103, 12)
        },
        PostCandidate { in_reply_to_tweet_id: Some(PostId(100)), ..candidate(104, 12) },
        candidate(105, 10),
        candidate(106, 10),
        PostCandidate { created_at: Some(NOW - 1_000 * HOUR), score: None, ..candidate(107, 11) },
        PostCandidate { quoted_tweet_id: Some(PostId(100)), ..candidate(108, 13) },
        PostCandidate { author_id: VIEWER, topics: vec![8], ..candidate(109, 10) },
    ]
}

fn world() -> World {
    let mut world = World { history: some_history(), ..World::default() };
    world.posts = (100..110).map(|id| (PostId(id), post(10 + id % 4, "some text"))).collect();
    world.graph.followed = [UserId(10)].into_iter().collect();
    world.retrieved = vec![PostId(101), PostId(103)];
    world.popular = vec![PostId(102)];
    world
}

fn on(subject: One) -> Row {
    (subject, None)
}

/// A component that a change to the full query switches off.
fn switched(subject: One, off: impl FnOnce(&mut ScoredPostsQuery)) -> Row {
    let mut query = full_query();
    off(&mut query);
    (subject, Some(query))
}

/// Every component of the pipeline, over clients that answer.
fn rows(mocks: &Arc<Mocks>) -> Vec<Row> {
    let clients = mocks.clients();
    let params = &MixerParams { filter_oon_replies_and_reposts: true, ..MixerParams::default() };
    let january = &MixerParams { january_previously_served: true, ..MixerParams::default() };
    let fails = |subject: One, calls: &'static [Call]| {
        let mocks = Arc::clone(mocks);
        subject.broken_by(move || calls.iter().for_each(|&call| mocks.fail(call, Fault::Error)))
    };
    let cache_clock = Arc::new(ManualMonotonic::default());
    let strato = || Arc::clone(&clients.strato);
    let tweet_entities = || Arc::clone(&clients.tweet_entities);
    let counts = EngagementCountsHydrator::cached(tweet_entities(), Arc::clone(&cache_clock) as _);
    let requests = Arc::new(RequestLog::new(Arc::clone(&clients.clock)));
    vec![
        on(fails(One::query_hydrator(UserActionSeqQueryHydrator::new(strato())), &[Call::History])),
        on(fails(
            One::query_hydrator(UserFeaturesQueryHydrator::new(Arc::clone(&clients.social_graph), strato())),
            &[Call::Preferences],
        )),
        on(fails(One::query_hydrator(ImpressionHistoryQueryHydrator::new(strato())), &[Call::SeenAndServed])),
        switched(fails(One::source(ThunderSource::new(Arc::clone(&clients.thunder), 10)), &[Call::Thunder]), |q| {
            q.user_features = None;
        }),
        switched(
            fails(One::source(PhoenixSource::new(Arc::clone(&clients.retrieval), params)), &[Call::Retrieval]),
            |q| q.in_network_only = true,
        ),
        (
            fails(One::source(PopularSource::new(Arc::clone(&clients.popular), params)), &[Call::Popular]),
            Some(full_query()),
        ),
        on(fails(
            One::hydrator(CoreDataCandidateHydrator::new(tweet_entities())),
            &[Call::CoreData, Call::QuotedPosts],
        )),
        switched(One::hydrator(InNetworkCandidateHydrator), |q| q.user_features = None),
        on(One::hydrator(VideoDurationCandidateHydrator)),
        on(One::hydrator(SubscriptionHydrator)),
        on(fails(One::hydrator(GizmoduckCandidateHydrator::new(Arc::clone(&clients.gizmoduck))), &[Call::Gizmoduck])),
        on(fails(One::hydrator(QuoteCandidateHydrator::new(tweet_entities())), &[Call::CoreData, Call::QuotedPosts])),
        on(One::hydrator(LanguageCandidateHydrator)),
        switched(
            fails(One::hydrator(MutualFollowHydrator::new(Arc::clone(&clients.social_graph))), &[Call::FollowBack]),
            |q| q.user_features = None,
        ),
        on(fails(One::hydrator(TwinVisibilityHydrator::new(Arc::clone(&clients.visibility))), &[Call::Visibility])),
        switched(fails(One::hydrator(ActedOnHydrator::new(strato())), &[Call::ActedOn]), |q| {
            Arc::make_mut(&mut q.profile).acted_is_seen = false;
        }),
        on(One::filter(DropDuplicatesFilter)),
        on(One::filter(CoreDataHydrationFilter)),
        on(One::filter(AgeFilter)),
        on(One::filter(SelfTweetFilter)),
        on(One::filter(OutOfNetworkRetweetReplyFilter::new(params))),
        on(One::filter(IneligibleSubscriptionFilter)),
        on(One::filter(previously_seen_posts_filter())),
        switched(One::filter(previously_served_posts_filter(january)), |q| q.is_bottom_request = false),
        on(One::filter(MutedKeywordFilter::default())),
        on(One::filter(AuthorSocialgraphFilter)),
        switched(One::filter(VideoFilter), |q| q.exclude_videos = false),
        switched(One::filter(TopicFilter), |q| q.topic_ids.clear()),
        on(One::filter(TwinVisibilityFilter::new(params))),
        on(One::filter(RetweetDeduplicationFilter)),
        on(fails(
            One::scorer(PhoenixScorer::new(Arc::clone(&clients.ranking), Arc::clone(&clients.prior))),
            &[Call::Ranking, Call::Prior],
        )),
        on(One::scorer(WeightedScorer::new(false))),
        on(One::scorer(author_diversity_scorer(params))),
        on(One::scorer(OONScorer::new(params))),
        on(One::scorer(OffsetScorer::new(true))),
        on(One::selector(top_k_score_selector(params))),
        on(fails(One::hydrator(VFCandidateHydrator::new(Arc::clone(&clients.visibility))), &[Call::Visibility])),
        on(One::hydrator(counts).broken_by({
            let mocks = Arc::clone(mocks);
            move || {
                cache_clock.advance(Duration::from_mins(2));
                mocks.fail(Call::EngagementCounts, Fault::Error);
            }
        })),
        on(One::filter(VFFilter::new(params))),
        on(One::filter(DedupConversationFilter)),
        switched(One::side_effect(CacheRequestInfoSideEffect::new(requests)), |q| q.in_network_only = true),
        switched(
            fails(
                One::side_effect(RecordServedSideEffect::new(Arc::clone(&clients.served_recorder))),
                &[Call::ServedRecorder],
            ),
            |q| q.record = false,
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_component_of_the_pipeline_complies() {
    let names: Vec<_> = rows(&Mocks::new(world())).iter().map(|(subject, _)| subject.name()).collect();
    let pipeline: Vec<_> = Mocks::new(world()).mixer().pipeline().components().iter().map(|(_, name)| *name).collect();
    assert_eq!(names, pipeline, "every component is tried, in the pipeline's order");
    for i in 0..names.len() {
        // Each over clients of its own, which its last rule breaks.
        let (subject, off) = rows(&Mocks::new(world())).swap_remove(i);
        let mut query = full_query();
        if subject.name() == PopularSource::NAME {
            query.user_action_sequence = None;
        }
        let case = Case { query, off, candidates: candidates(), id: |candidate| candidate.tweet_id.0 };
        assert_component_compliance(&subject, &case).await;
    }
}
