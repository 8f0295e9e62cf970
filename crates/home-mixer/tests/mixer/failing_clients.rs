//! Each client fails in turn, by an error, by not answering, and by an answer of the wrong length. The expected outcomes are the
//! table of `home_mixer::home_mixer`.

use foryou_types::seams::CoreData;
use foryou_types::{PostId, UserActionSequence, UserId};
use home_mixer::FeedResult;
use mixer_kit::FeedOptions;
use mixer_kit::ScoredBy;

use crate::happy_path;
use crate::mocks::{Call, Fault, Mocks, World, post, query};

const IN_NETWORK: [u64; 4] = [100, 101, 110, 111];
const OUT_OF_NETWORK: [u64; 4] = [200, 210, 220, 230];
const POPULAR: [u64; 2] = [300, 310];

/// The hand-computed world with a quote, something popular, something seen and a record.
fn world() -> World {
    let mut world = happy_path::world();
    world
        .posts
        .insert(PostId(300), CoreData { quoted: Some((PostId(999), UserId(99))), ..post(30, "popular, quoting") });
    world.posts.insert(PostId(310), post(31, "popular"));
    world.posts.insert(PostId(999), post(99, "quoted"));
    if let Some(quoting) = world.posts.get_mut(&PostId(200)) {
        quoting.quoted = Some((PostId(999), UserId(99)));
    }
    world.popular = POPULAR.map(PostId).to_vec();
    world.prior.insert(PostId(230), vec![("favorite", 0.9)]);
    world
}

fn ids(feed: &FeedResult) -> Vec<u64> {
    let mut ids: Vec<u64> = feed.items.iter().map(|p| p.tweet_id.0).collect();
    ids.sort_unstable();
    ids
}

fn sorted<const N: usize>(parts: [&[u64]; N]) -> Vec<u64> {
    let mut ids = parts.concat();
    ids.sort_unstable();
    ids
}

/// The feed with one client failing, and the component that is to be blamed for it.
async fn feed_with(world: World, call: Call, fault: Fault, component: &str) -> FeedResult {
    let mocks = Mocks::new(world);
    mocks.fail(call, fault);
    let feed = mocks.mixer().scored_posts(query(), FeedOptions::default()).await.expect("a sound request");
    let blamed = feed.degraded.iter().find(|d| d.component == component);
    let blamed = blamed.unwrap_or_else(|| panic!("{call:?} {fault:?}: {component} is not in {:?}", feed.degraded));
    let reason = match fault {
        Fault::Error => format!("{call:?} is down"),
        Fault::Slow => "deadline exceeded|no answer in time".to_owned(),
        Fault::WrongLength => "answered".to_owned(),
        Fault::NotANumber => "1 of".to_owned(),
        Fault::NotScored => "the model gave no score".to_owned(),
    };
    assert!(reason.split('|').any(|r| blamed.reason.contains(r)), "{call:?} {fault:?}: {}", blamed.reason);
    let others: Vec<_> = feed.degraded.iter().filter(|d| d.component != component).map(|d| &d.component).collect();
    let filters = ["IneligibleSubscriptionFilter", "MutedKeywordFilter", "AuthorSocialgraphFilter"];
    assert!(others.iter().all(|c| filters.contains(&c.as_str())), "{call:?} {fault:?}: {others:?}");
    feed
}

const ALL: [Fault; 3] = [Fault::Error, Fault::Slow, Fault::WrongLength];
const NO_ANSWER: [Fault; 2] = [Fault::Error, Fault::Slow];

#[tokio::test(start_paused = true)]
async fn all_is_well_when_none_fails() {
    let mocks = Mocks::new(world());
    let feed = mocks.mixer().scored_posts(query(), FeedOptions::default()).await.unwrap();
    assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
    assert_eq!(feed.degraded, []);
}

#[tokio::test(start_paused = true)]
async fn without_thunder_the_feed_is_out_of_network() {
    for fault in NO_ANSWER {
        let feed = feed_with(world(), Call::Thunder, fault, "ThunderSource").await;
        assert_eq!(ids(&feed), OUT_OF_NETWORK);
    }
    let feed = {
        let mut world = world();
        world.thunder_partial = true;
        Mocks::new(world).mixer().scored_posts(query(), FeedOptions::default()).await.unwrap()
    };
    assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
    assert_eq!(feed.degraded[0].component, "ThunderSource");
}

#[tokio::test(start_paused = true)]
async fn without_retrieval_the_feed_is_in_network() {
    for fault in NO_ANSWER {
        let feed = feed_with(world(), Call::Retrieval, fault, "PhoenixSource").await;
        assert_eq!(ids(&feed), IN_NETWORK);
    }
}

#[tokio::test(start_paused = true)]
async fn without_popular_posts_a_new_viewer_has_the_network() {
    for fault in NO_ANSWER {
        let mut world = world();
        world.history = UserActionSequence::default();
        let feed = feed_with(world, Call::Popular, fault, "PopularSource").await;
        assert_eq!(ids(&feed), IN_NETWORK);
    }
}

#[tokio::test(start_paused = true)]
async fn without_what_the_viewer_acted_on_such_posts_come_back() {
    let acted_on = || World { acted_on: vec![PostId(100), PostId(200)], ..world() };
    let well = Mocks::new(acted_on()).mixer().scored_posts(query(), FeedOptions::default()).await.unwrap();
    assert_eq!(ids(&well), sorted([&IN_NETWORK[1..], &OUT_OF_NETWORK[1..]]));
    for fault in ALL {
        let feed = feed_with(acted_on(), Call::ActedOn, fault, "ActedOnHydrator").await;
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_ranker_the_prior_ranks() {
    for fault in ALL {
        let feed = feed_with(world(), Call::Ranking, fault, "PhoenixScorer").await;
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]), "{fault:?}");
        assert_eq!(feed.items[0].tweet_id, PostId(230), "the prior's first");
        assert!(feed.ranked_by_prior && feed.model.is_none() && feed.viewer_has_history);
    }
}

#[tokio::test(start_paused = true)]
async fn one_broken_head_sinks_that_post_alone() {
    let whole = Mocks::new(world()).mixer().scored_posts(query(), FeedOptions::default()).await.unwrap();
    let feed = feed_with(world(), Call::Ranking, Fault::NotANumber, "PhoenixScorer").await;
    let last = feed.items.last().unwrap();
    assert_eq!((last.score, last.heads.as_deref(), last.scored_by), (None, None, Some(ScoredBy::Model)));
    let others = |feed: &FeedResult| {
        let others = feed.items.iter().filter(|p| p.tweet_id != last.tweet_id);
        others.map(|p| (p.tweet_id, p.heads.clone())).collect::<Vec<_>>()
    };
    assert_eq!(others(&feed), others(&whole));
    assert!(!feed.ranked_by_prior && feed.model.is_some());

    let mut new = world();
    new.history = UserActionSequence::default();
    let feed = feed_with(new, Call::Prior, Fault::NotANumber, "PhoenixScorer").await;
    assert_eq!(feed.items.iter().filter(|p| p.heads.is_none()).count(), 1);
    assert!(feed.items.last().unwrap().score.is_none() && feed.ranked_by_prior);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_the_model_could_not_score_falls_to_the_prior() {
    let mut world = world();
    // Core data orders in-network posts first, so this is the one that the mock leaves out.
    let first = PostId(111);
    world.prior.insert(PostId(240), vec![("favorite", 0.8)]);
    let feed = feed_with(world, Call::Ranking, Fault::NotScored, "PhoenixScorer").await;
    let by_prior: Vec<_> = feed.items.iter().filter(|p| p.scored_by == Some(ScoredBy::PopularityPrior)).collect();
    assert_eq!(by_prior.iter().map(|p| p.tweet_id).collect::<Vec<_>>(), [first]);
    assert!((by_prior[0].weighted_score.unwrap() - 0.5 * 0.8).abs() < 1e-12);
    assert!(!feed.ranked_by_prior && feed.model.is_some());
}

#[tokio::test(start_paused = true)]
async fn without_the_prior_a_new_viewers_posts_have_no_probabilities() {
    for fault in ALL {
        let mut world = world();
        world.history = UserActionSequence::default();
        let feed = feed_with(world, Call::Prior, fault, "PhoenixScorer").await;
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &POPULAR]));
        assert!(feed.items.iter().all(|p| p.heads.is_none() && p.weighted_score == Some(0.0)));
        assert!(!feed.ranked_by_prior && feed.model.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_prior_nothing_is_missed_where_the_ranker_answers() {
    let mocks = Mocks::new(world());
    mocks.fail(Call::Prior, Fault::Error);
    let feed = mocks.mixer().scored_posts(query(), FeedOptions::default()).await.unwrap();
    assert_eq!(feed.degraded, []);
}

#[tokio::test(start_paused = true)]
async fn without_the_history_the_viewer_is_a_new_one() {
    for fault in NO_ANSWER {
        let feed = feed_with(world(), Call::History, fault, "UserActionSeqQueryHydrator").await;
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &POPULAR]));
        assert!(feed.ranked_by_prior && feed.model.is_none() && !feed.viewer_has_history);
    }
}

#[tokio::test(start_paused = true)]
async fn without_half_of_the_features_the_feed_is_empty_rather_than_unsafe() {
    for fault in NO_ANSWER {
        for call in [Call::Preferences, Call::ViewerGraph] {
            let feed = feed_with(world(), call, fault, "UserFeaturesQueryHydrator").await;
            assert_eq!(ids(&feed), [0u64; 0], "{call:?} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_servers_record_only_the_client_knows_what_was_seen() {
    let mut world_with_record = world();
    world_with_record.record.seen = vec![PostId(100), PostId(200)];
    world_with_record.record.served = vec![PostId(101)];
    let mocks = Mocks::new(world_with_record);
    let mut query = query();
    query.seen_ids = vec![PostId(110)];
    let feed = mocks.mixer().scored_posts(query.clone(), FeedOptions::default()).await.unwrap();
    assert_eq!(ids(&feed), [111, 210, 220, 230]);
    for fault in NO_ANSWER {
        mocks.fail(Call::SeenAndServed, fault);
        let feed = mocks.mixer().scored_posts(query.clone(), FeedOptions::default()).await.unwrap();
        assert_eq!(ids(&feed), [100, 101, 111, 200, 210, 220, 230]);
        assert_eq!(feed.degraded[0].component, "ImpressionHistoryQueryHydrator");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_follow_back_the_mutual_boost_is_missing() {
    for fault in ALL {
        let feed = feed_with(world(), Call::FollowBack, fault, "MutualFollowHydrator").await;
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
        let mutual = feed.items.iter().find(|p| p.tweet_id == PostId(110)).unwrap();
        assert_eq!((mutual.mutual_follow, mutual.weighted_score), (None, Some(5.0 * 0.01)));
    }
}

#[tokio::test(start_paused = true)]
async fn without_core_data_the_feed_is_empty_rather_than_unsafe() {
    for fault in ALL {
        let feed = feed_with(world(), Call::CoreData, fault, "CoreDataCandidateHydrator").await;
        assert_eq!(ids(&feed), [0u64; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_quoted_posts_the_quotes_have_no_text() {
    for fault in ALL {
        let feed = feed_with(world(), Call::QuotedPosts, fault, "QuoteCandidateHydrator").await;
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
        let quoting = feed.items.iter().find(|p| p.tweet_id == PostId(200)).unwrap();
        assert_eq!((quoting.quoted_tweet_id, &quoting.quoted_text), (Some(PostId(999)), &None));
    }
}

#[tokio::test(start_paused = true)]
async fn without_quoted_posts_who_mutes_words_or_people_gets_no_quotes() {
    for fault in ALL {
        let mut muting = world();
        muting.preferences.muted_keywords = ["anything".to_owned()].into();
        let mut blocking = world();
        blocking.graph.blocked = [UserId(77)].into_iter().collect();
        for world in [muting, blocking] {
            let feed = feed_with(world, Call::QuotedPosts, fault, "QuoteCandidateHydrator").await;
            assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK[1..]]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_counts_the_posts_have_no_counts() {
    for fault in ALL {
        let feed = feed_with(world(), Call::EngagementCounts, fault, "EngagementCountsHydrator").await;
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
        assert!(feed.items.iter().all(|p| p.engagement_counts.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn without_people_the_posts_have_no_names() {
    for fault in ALL {
        let feed = feed_with(world(), Call::Gizmoduck, fault, "GizmoduckCandidateHydrator").await;
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
        assert!(feed.items.iter().all(|p| p.author_screen_name.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn without_visibility_only_the_network_is_shown() {
    for fault in ALL {
        let feed = feed_with(world(), Call::Visibility, fault, "VFCandidateHydrator").await;
        assert_eq!(ids(&feed), IN_NETWORK, "{fault:?}");
    }
    let mocks = Mocks::new(world());
    mocks.fail(Call::Visibility, Fault::Error);
    let open = home_mixer::params::MixerParams { visibility_fail_closed: false, ..Default::default() };
    let feed = mocks.mixer_with(open).scored_posts(query(), FeedOptions::default()).await.unwrap();
    assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
}

#[tokio::test(start_paused = true)]
async fn without_the_recorder_the_feed_is_served_and_the_failure_is_known() {
    for fault in NO_ANSWER {
        let mocks = Mocks::new(world());
        mocks.fail(Call::ServedRecorder, fault);
        let mixer = mocks.mixer();
        let feed = mixer.scored_posts(query(), FeedOptions { record: true, ..FeedOptions::default() }).await.unwrap();
        assert_eq!(ids(&feed), sorted([&IN_NETWORK, &OUT_OF_NETWORK]));
        mixer.side_effects_idle().await;
        let failures = mixer.side_effect_failures();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].component, "RecordServedSideEffect");
        assert!(mocks.served.lock().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn when_everything_fails_there_is_an_answer() {
    let mocks = Mocks::new(world());
    for call in [
        Call::Thunder,
        Call::Retrieval,
        Call::Popular,
        Call::Ranking,
        Call::Prior,
        Call::History,
        Call::Preferences,
        Call::SeenAndServed,
        Call::ViewerGraph,
        Call::CoreData,
        Call::Visibility,
    ] {
        mocks.fail(call, Fault::Slow);
    }
    let start = tokio::time::Instant::now();
    let feed = mocks.mixer().scored_posts(query(), FeedOptions::default()).await.unwrap();
    assert!(feed.items.is_empty());
    assert!(feed.degraded.len() >= 4, "{:?}", feed.degraded);
    assert!(start.elapsed() <= std::time::Duration::from_secs(1), "{:?}", start.elapsed());
}
