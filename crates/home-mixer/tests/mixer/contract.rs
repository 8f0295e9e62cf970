//! Every field of the documents' structures exists and is filled by a named component.

use foryou_types::seams::{CoreData, FilteredReason, UserProfile};
use foryou_types::{ActionSet, PostId, UserId};
use home_mixer::FeedResult;
use home_mixer::candidate::{PhoenixScores, PostCandidate};
use home_mixer::query::ScoredPostsQuery;
use mixer_kit::FeedOptions;
use mixer_kit::ScoredBy;
use mixer_kit::{FeedQuery, ImpressionBloomFilterEntry};

use crate::mocks::{HOUR, Mocks, NOW, World, post, query, some_history};

type Filled<T> = fn(&T) -> bool;

/// `ScoredPostsQuery` of the documents: field, who fills it, whether it is filled.
const QUERY: [(&str, &str, Filled<ScoredPostsQuery>); 12] = [
    ("user_id", "request", |q| q.user_id.is_some()),
    ("client_app_id", "request", |q| q.client_app_id != 0),
    ("country_code", "request", |q| !q.country_code.is_empty()),
    ("language_code", "request", |q| !q.language_code.is_empty()),
    ("seen_ids", "request", |q| !q.seen_ids.is_empty()),
    ("served_ids", "request", |q| !q.served_ids.is_empty()),
    ("in_network_only", "request", |q| !q.in_network_only),
    ("is_bottom_request", "request", |q| q.is_bottom_request),
    ("bloom_filter_entries", "request", |q| !q.bloom_filter_entries.is_empty()),
    ("user_action_sequence", "UserActionSeqQueryHydrator", |q| q.has_actions()),
    ("user_features", "UserFeaturesQueryHydrator", |q| q.user_features.is_some()),
    ("request_id", "request", |q| !q.request_id.is_empty()),
];

/// `PostCandidate` of the documents (`visibility_reason` is filled for dropped posts, see below).
const CANDIDATE: [(&str, &str, Filled<PostCandidate>); 21] = [
    ("tweet_id", "ThunderSource", |c| c.tweet_id.is_some()),
    ("author_id", "ThunderSource", |c| c.author_id.is_some()),
    ("tweet_text", "CoreDataCandidateHydrator", |c| c.tweet_text.is_some()),
    ("in_reply_to_tweet_id", "CoreDataCandidateHydrator", |c| c.in_reply_to_tweet_id.is_some()),
    ("retweeted_tweet_id", "CoreDataCandidateHydrator", |c| c.retweeted_tweet_id.is_some()),
    ("retweeted_user_id", "CoreDataCandidateHydrator", |c| c.retweeted_user_id.is_some()),
    ("ancestors", "CoreDataCandidateHydrator", |c| !c.ancestors.is_empty()),
    ("phoenix_scores", "PhoenixScorer", |c| c.heads.is_some()),
    ("weighted_score", "WeightedScorer", |c| c.weighted_score.is_some()),
    ("score", "OffsetScorer", |c| c.score.is_some()),
    ("served_type", "ThunderSource", |c| c.served_type.is_some()),
    ("in_network", "InNetworkCandidateHydrator", |c| c.in_network.is_some()),
    ("prediction_request_id", "PhoenixScorer", |c| c.prediction_request_id.is_some()),
    ("last_scored_at_ms", "PhoenixScorer", |c| c.last_scored_at_ms == Some(NOW.0 as u64)),
    ("video_duration_ms", "VideoDurationCandidateHydrator", |c| c.video_duration_ms.is_some()),
    ("author_followers_count", "GizmoduckCandidateHydrator", |c| c.author_followers_count == Some(5)),
    ("author_screen_name", "GizmoduckCandidateHydrator", |c| c.author_screen_name.as_deref() == Some("ten")),
    ("retweeted_screen_name", "GizmoduckCandidateHydrator", |c| c.retweeted_screen_name.as_deref() == Some("twenty")),
    ("visibility_reason", "VFCandidateHydrator", |c| c.visibility_checked),
    ("subscription_author_id", "SubscriptionHydrator", |c| c.subscription_author_id == Some(UserId(10))),
    ("quoted_text", "QuoteCandidateHydrator", |c| c.quoted_text.is_some()),
];

/// What we have beyond the documents.
const BEYOND: [(&str, &str, Filled<PostCandidate>); 12] = [
    ("created_at", "CoreDataCandidateHydrator", |c| c.created_at == Some(NOW - HOUR)),
    ("quoted_tweet_id", "CoreDataCandidateHydrator", |c| c.quoted_tweet_id.is_some()),
    ("quoted_user_id", "CoreDataCandidateHydrator", |c| c.quoted_user_id.is_some()),
    ("topics", "CoreDataCandidateHydrator", |c| !c.topics.is_empty()),
    ("language", "LanguageCandidateHydrator", |c| c.language.is_some()),
    ("author_verified", "GizmoduckCandidateHydrator", |c| c.author_verified == Some(true)),
    ("engagement_counts", "EngagementCountsHydrator", |c| c.engagement_counts.is_some()),
    ("mutual_follow", "MutualFollowHydrator", |c| c.mutual_follow == Some(true)),
    ("conversation_id", "CoreDataCandidateHydrator", |c| c.conversation_id == Some(PostId(90))),
    ("answered_text", "QuoteCandidateHydrator", |c| c.answered_text.as_deref() == Some("answered")),
    ("related_checked", "QuoteCandidateHydrator", |c| c.related_checked),
    ("scored_by", "PhoenixScorer", |c| c.scored_by == Some(ScoredBy::Model)),
];

/// One post that has everything a post can have.
async fn full_run(mark: FullRun) -> FeedResult {
    let mut world = World { history: some_history(), ..World::default() };
    world.graph.followed = [UserId(10)].into_iter().collect();
    world.graph.subscribed = [UserId(10)].into_iter().collect();
    world.follow_back = vec![UserId(10)];
    let everything = CoreData {
        reposted: Some((PostId(200), UserId(20))),
        quoted: Some((PostId(300), UserId(30))),
        in_reply_to: Some(PostId(90)),
        ancestors: vec![PostId(90)],
        conversation: Some(PostId(90)),
        topics: vec![3],
        language: Some("en".into()),
        video_duration_ms: Some(12_000),
        subscription_author: Some(UserId(10)),
        ..post(10, "everything")
    };
    world.posts.insert(PostId(100), everything);
    world.posts.insert(PostId(300), post(30, "quoted"));
    world.posts.insert(PostId(90), post(9, "answered"));
    let person = |name: &str| UserProfile {
        screen_name: Some(name.into()),
        followers: 5,
        verified: true,
        ..UserProfile::default()
    };
    world.people.insert(UserId(10), person("ten"));
    world.people.insert(UserId(20), person("twenty"));
    let set = ActionSet::for_you();
    world.heads.insert(PostId(200), PhoenixScores::FIELDS.iter().map(|&(_, head)| (head, 0.25)).collect());
    assert_eq!(PhoenixScores::FIELDS.len(), set.len());
    if mark == FullRun::Dropped {
        world.verdicts.insert(PostId(100), FilteredReason::Deleted);
    }
    let mocks = Mocks::new(world);
    let options = FeedOptions { explain: true, ..FeedOptions::default() };
    mocks.mixer().scored_posts(full_query(), options).await.expect("a sound request")
}

#[derive(PartialEq)]
enum FullRun {
    Shown,
    Dropped,
}

fn full_query() -> ScoredPostsQuery {
    ScoredPostsQuery {
        client_app_id: 3,
        country_code: "DE".to_owned(),
        language_code: "de".to_owned(),
        seen_ids: vec![PostId(1)],
        served_ids: vec![PostId(2)],
        is_bottom_request: true,
        bloom_filter_entries: vec![ImpressionBloomFilterEntry {
            bits: vec![0; 8],
            num_hashes: 2,
            seed: 1,
            count: 0,
            created_at: NOW.0,
        }],
        ..query()
    }
}

#[tokio::test]
async fn every_field_of_the_candidate_is_filled_by_its_component() {
    let feed = full_run(FullRun::Shown).await;
    assert_eq!(feed.degraded, []);
    let post = &feed.items[0];
    let trace = feed.explanation.as_ref().unwrap().trace.of(100).next().unwrap();
    for (field, component, filled) in CANDIDATE.into_iter().chain(BEYOND) {
        assert!(filled(post), "{field} is not filled");
        let ran = trace.source == component
            || trace.hydrated.contains(&component)
            || trace.scores.iter().any(|step| step.scorer == component);
        assert!(ran, "{component}, which fills {field}, did not run");
    }
}

#[tokio::test]
async fn every_phoenix_score_is_the_head_of_its_name() {
    let feed = full_run(FullRun::Shown).await;
    let scores = feed.items[0].phoenix_scores(&ActionSet::for_you());
    let PhoenixScores {
        favorite_score,
        reply_score,
        retweet_score,
        quote_score,
        click_score,
        profile_click_score,
        vqv_score,
        photo_expand_score,
        share_score,
        share_via_dm_score,
        share_via_copy_link_score,
        dwell_score,
        quoted_click_score,
        follow_author_score,
        not_interested_score,
        block_author_score,
        mute_author_score,
        report_score,
        dwell_time,
    } = scores;
    let all = [
        favorite_score,
        reply_score,
        retweet_score,
        quote_score,
        click_score,
        profile_click_score,
        vqv_score,
        photo_expand_score,
        share_score,
        share_via_dm_score,
        share_via_copy_link_score,
        dwell_score,
        quoted_click_score,
        follow_author_score,
        not_interested_score,
        block_author_score,
        mute_author_score,
        report_score,
        dwell_time,
    ];
    assert_eq!(all, [Some(0.25); 19]);
}

#[tokio::test]
async fn the_visibility_reason_stands_on_what_was_dropped() {
    let feed = full_run(FullRun::Dropped).await;
    assert!(feed.items.is_empty());
    let explanation = feed.explanation.unwrap();
    let dropped = explanation.removed.iter().find(|r| r.filter == "VFFilter").unwrap();
    assert_eq!(dropped.candidates[0].visibility_reason, Some(FilteredReason::Deleted));
}

#[tokio::test]
async fn every_field_of_the_query_is_the_requests_or_a_hydrators() {
    let mocks = Mocks::new(World { history: some_history(), ..World::default() });
    let mixer = mocks.mixer();
    let execution = mixer.pipeline().execute(full_query(), candidate_pipeline::ExecuteOptions::default()).await;
    let components: Vec<_> = mixer.pipeline().components().iter().map(|(_, name)| *name).collect();
    for (field, component, filled) in QUERY {
        assert!(filled(&execution.query), "{field} is not filled");
        assert!(component == "request" || components.contains(&component), "{component} is no component");
    }
    assert!(execution.query.history.is_some(), "ImpressionHistoryQueryHydrator");
}
