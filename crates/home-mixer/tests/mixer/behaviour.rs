//! What a caller may rely on.

use std::sync::Arc;
use std::time::Duration;

use candidate_pipeline::Stage;
use foryou_types::seams::{CoreData, FilteredReason};
use foryou_types::{ActionMask, ActionToken, Has, PostId, Profile, Surface, TimeMs, UserActionSequence, UserId};
use home_mixer::FeedResult;
use home_mixer::candidate::ServedType;
use home_mixer::params::MixerParams;
use home_mixer::query::ScoredPostsQuery;
use mixer_kit::{FeedError, FeedOptions};

use crate::happy_path::world;
use crate::mocks::{Call, Fault, HOUR, Mocks, NOW, VIEWER, World, post, query, query_over, some_history};

const EXPLAIN: FeedOptions = FeedOptions { explain: true, record: false, deadline: None };

pub(crate) fn ids(feed: &FeedResult) -> Vec<u64> {
    feed.items.iter().map(|p| p.tweet_id.0).collect()
}

pub(crate) async fn feed(mocks: &Arc<Mocks>, query: ScoredPostsQuery) -> FeedResult {
    mocks.mixer().scored_posts(query, FeedOptions::default()).await.expect("a sound request")
}

/// `n` strangers' posts, the first liked most.
pub(crate) fn strangers(n: u64) -> World {
    let mut world = World { history: some_history(), ..World::default() };
    for id in 1..=n {
        world.posts.insert(PostId(id), post(1_000 + id, "hello"));
        world.heads.insert(PostId(id), vec![("favorite", 1.0 - id as f64 / 1_000.0)]);
        world.retrieved.push(PostId(id));
    }
    world
}

#[tokio::test]
async fn a_wrong_request_is_refused_with_its_field() {
    let mixer = Mocks::new(world()).mixer();
    let mut wrong = Vec::new();
    for (field, query) in [
        ("user_id", ScoredPostsQuery { user_id: UserId::NONE, ..query() }),
        ("limit", ScoredPostsQuery { limit: 0, ..query() }),
        ("limit", ScoredPostsQuery { limit: 201, ..query() }),
        ("video_only", ScoredPostsQuery { video_only: true, exclude_videos: true, ..query() }),
        ("request_id", ScoredPostsQuery { request_id: "x".repeat(129), ..query() }),
    ] {
        let FeedError::InvalidArgument { field: named, problem } =
            mixer.scored_posts(query, FeedOptions::default()).await.unwrap_err();
        assert_eq!(named, field);
        wrong.push(problem);
    }
    assert!(wrong.iter().all(|problem| !problem.is_empty()));
    let largest = ScoredPostsQuery { limit: 200, ..query() };
    assert!(mixer.scored_posts(largest, FeedOptions::default()).await.is_ok());
}

#[tokio::test]
async fn a_request_without_an_id_is_given_one() {
    let mixer = Mocks::new(world()).mixer();
    let anonymous = || ScoredPostsQuery { request_id: String::new(), ..query() };
    let one = mixer.scored_posts(anonymous(), FeedOptions::default()).await.unwrap();
    let two = mixer.scored_posts(anonymous(), FeedOptions::default()).await.unwrap();
    assert_eq!(one.request_id.len(), 32);
    assert_ne!(one.request_id, two.request_id);
    assert_ne!(one.items[0].prediction_request_id, two.items[0].prediction_request_id);
}

#[tokio::test]
async fn dropped_posts_are_refilled_from_the_next_best() {
    let mut world = strangers(120);
    // All of the first 50 but the first must not be shown: 35 can only be had by going on twice.
    for id in 2..=80 {
        world.verdicts.insert(PostId(id), FilteredReason::PostLabel { label: "spam".to_owned() });
    }
    let mocks = Mocks::new(world);
    let feed = feed(&mocks, query()).await;
    let expected: Vec<u64> = [1].into_iter().chain(81..=114).collect();
    assert_eq!(ids(&feed), expected);
    assert!(feed.sizes.refills >= 1, "{:?}", feed.sizes);
    assert_eq!(feed.degraded, []);
}

#[tokio::test]
async fn a_conversation_is_shown_once_by_its_best() {
    let mut world = strangers(3);
    for id in [2, 3] {
        world.posts.get_mut(&PostId(id)).unwrap().ancestors = vec![PostId(1)];
        world.posts.get_mut(&PostId(id)).unwrap().in_reply_to = Some(PostId(1));
    }
    world.heads.insert(PostId(3), vec![("reply", 1.0)]);
    let mocks = Mocks::new(world);
    assert_eq!(ids(&feed(&mocks, query()).await), [3]);
    let asked = mocks.visibility_asked.lock();
    let reply = asked.iter().find(|p| p.post_id == PostId(3)).unwrap();
    assert_eq!(reply.related, [PostId(1)], "the parent, once");
}

#[tokio::test]
async fn a_new_viewer_gets_popular_posts_ranked_by_the_prior() {
    let mut world = strangers(3);
    world.history = UserActionSequence::default();
    world.popular = vec![PostId(1), PostId(2), PostId(3)];
    world.prior.insert(PostId(2), vec![("favorite", 0.2)]);
    let mocks = Mocks::new(world);
    let feed = feed(&mocks, query()).await;
    assert_eq!(ids(&feed)[0], 2);
    assert_eq!(feed.items.len(), 3);
    assert!(feed.items.iter().all(|p| p.served_type == Some(ServedType::Popular)));
    assert_eq!((feed.model.as_deref(), feed.ranked_by_prior, feed.viewer_has_history), (None, true, false));
    assert_eq!(feed.degraded, [], "no history is no fault");
}

#[tokio::test]
async fn in_network_only_means_it() {
    let mocks = Mocks::new(world());
    let mixer = mocks.mixer();
    let only = ScoredPostsQuery { in_network_only: true, ..query() };
    let feed = mixer.scored_posts(only.clone(), EXPLAIN).await.unwrap();
    assert!(feed.items.iter().all(|p| p.in_network == Some(true)));
    assert_eq!(feed.items.len(), 4);
    let disabled = feed.explanation.unwrap().trace.disabled;
    assert!(
        disabled.contains(&(Stage::Source, "PhoenixSource")) && disabled.contains(&(Stage::Source, "PopularSource"))
    );
    mixer.side_effects_idle().await;
    assert!(mixer.request_info("request").is_none(), "not cached, as in the documents");

    mocks.world.lock().history = UserActionSequence::default();
    let feed = mixer.scored_posts(only, FeedOptions::default()).await.unwrap();
    assert_eq!(feed.items.len(), 4, "for a new viewer, too");
}

#[tokio::test]
async fn video_only_asks_thunder_for_videos() {
    let mut world = world();
    world.posts.insert(PostId(120), CoreData { video_duration_ms: Some(6_000), ..post(10, "a video") });
    let mocks = Mocks::new(world);
    let feed = feed(&mocks, ScoredPostsQuery { video_only: true, in_network_only: true, ..query() }).await;
    assert_eq!(ids(&feed), [120]);
    assert!(mocks.thunder_asked.lock()[0].is_video_request);
}

#[tokio::test]
async fn what_was_seen_is_excluded_at_the_source() {
    let mut world = world();
    world.record.seen = vec![PostId(101), PostId(7)];
    world.acted_on = vec![PostId(101), PostId(120)];
    world.history.tokens[0].post_id = PostId(110);
    let mocks = Mocks::new(world);
    let query = ScoredPostsQuery { seen_ids: vec![PostId(5), PostId(100), PostId(5)], ..query() };
    feed(&mocks, query).await;
    let asked = mocks.thunder_asked.lock();
    assert_eq!(asked[0].exclude_post_ids, [5, 100, 110, 101, 7].map(PostId));
    assert_eq!(asked[0].following_user_ids, [UserId(10), UserId(11)]);
    assert_eq!((asked[0].now, asked[0].max_results), (Some(NOW), 1_200));
}

#[tokio::test]
async fn ids_above_the_signed_range_are_ids() {
    let (author, liked, other) = (UserId::from_i64(-5), PostId::from_i64(-1), PostId::from_i64(i64::MIN));
    let mut world = World { history: some_history(), ..World::default() };
    world.graph.followed = [author].into_iter().collect();
    for id in [liked, other] {
        world.posts.insert(id, CoreData { author_id: author, ..post(1, "negative") });
    }
    world.heads.insert(liked, vec![("favorite", 0.5)]);
    let mocks = Mocks::new(world);
    let viewer = UserId::from_i64(-7);
    let feed = feed(&mocks, ScoredPostsQuery { user_id: viewer, ..query() }).await;
    assert_eq!(feed.items.iter().map(|p| p.tweet_id.as_i64()).collect::<Vec<_>>(), [-1, i64::MIN]);
    assert_eq!((feed.viewer.as_i64(), feed.items[0].author_id.as_i64()), (-7, -5));
}

#[tokio::test]
async fn the_same_query_gives_the_same_feed() {
    let mocks = Mocks::new(strangers(300));
    // Ties everywhere, times included.
    mocks.world.lock().heads.clear();
    let one = feed(&mocks, query()).await;
    let two = feed(&mocks, query()).await;
    assert_eq!(one.items, two.items);
    assert!(!ids(&one).is_sorted(), "an order that is not that of ids");
    let another = feed(&mocks, ScoredPostsQuery { user_id: UserId(2), ..query() }).await;
    assert_ne!(ids(&one), ids(&another), "nor the same for everyone");
}

#[tokio::test]
async fn posts_without_authors_are_never_in_network_and_pass_the_author_filters() {
    let mut profile = Profile::live();
    profile.has = vec![Has::Impressions];
    let mut world = World { history: some_history(), ..World::default() };
    for id in 1..=3 {
        world.posts.insert(PostId(id), CoreData { author_id: UserId::NONE, text: None, ..post(0, "") });
        world.heads.insert(PostId(id), vec![("favorite", 0.4)]);
        world.retrieved.push(PostId(id));
    }
    world.graph.blocked = [UserId::NONE].into_iter().collect();
    let mocks = Mocks::new(world);
    let feed = feed(&mocks, query_over(profile)).await;
    assert_eq!(feed.items.len(), 3);
    for post in feed.items.iter() {
        assert_eq!((post.author_id, post.in_network), (UserId::NONE, Some(false)));
        assert!((post.score.unwrap() - (0.2 * 0.75 + 0.001)).abs() < 1e-12, "no author diversity");
    }
}

#[tokio::test]
async fn the_trace_tells_kept_from_dropped() {
    let mut world = world();
    world.posts.insert(PostId(102), CoreData { created_at: NOW - 49 * HOUR, ..post(10, "too old") });
    world.posts.insert(PostId(250), post(25, "no words about llamas"));
    world.retrieved.push(PostId(250));
    world.preferences.muted_keywords = ["LLAMAS".to_owned()].into();
    world.verdicts.insert(PostId(100), FilteredReason::Deleted);
    let mocks = Mocks::new(world);
    let feed = mocks.mixer().scored_posts(ScoredPostsQuery { limit: 2, ..query() }, EXPLAIN).await.unwrap();
    assert_eq!(ids(&feed), [110, 200]);
    let explanation = feed.explanation.unwrap();

    let dropped = |id: u64| explanation.trace.of(id).next().unwrap().removed.clone().unwrap();
    assert_eq!((dropped(102).filter, dropped(102).stage), ("AgeFilter", Stage::Filter));
    assert_eq!(dropped(250).filter, "MutedKeywordFilter");
    assert_eq!((dropped(100).filter, dropped(100).stage), ("VFFilter", Stage::PostSelectionFilter));
    assert_eq!(dropped(100).reason.as_deref(), Some("deleted"));

    let kept = explanation.trace.of(200).next().unwrap();
    assert_eq!((kept.source, kept.rank), ("PhoenixSource", Some(1)));
    assert!(kept.hydrated.contains(&"CoreDataCandidateHydrator") && kept.hydrated.contains(&"VFCandidateHydrator"));
    let after: Vec<_> = kept.scores.iter().map(|s| (s.scorer, s.after)).collect();
    assert_eq!(after[1], ("WeightedScorer", 0.25));
    assert_eq!(after[3], ("OONScorer", 0.1875));
    assert_eq!(after[4], ("OffsetScorer", 0.1885));

    let removed: Vec<_> = explanation.removed.iter().filter(|r| r.count > 0).map(|r| (r.filter, r.count)).collect();
    assert_eq!(removed, [("AgeFilter", 1), ("MutedKeywordFilter", 1), ("VFFilter", 1)]);
    assert_eq!(
        explanation.removed.iter().find(|r| r.filter == "AgeFilter").unwrap().candidates[0].tweet_id,
        PostId(102)
    );
    assert!(explanation.non_selected.iter().any(|c| c.tweet_id == PostId(101) && c.heads.is_some()));
}

#[tokio::test(start_paused = true)]
async fn the_callers_deadline_is_kept() {
    let mocks = Mocks::new(world());
    mocks.fail(Call::Ranking, Fault::Slow);
    let start = tokio::time::Instant::now();
    let deadline = Some((start + Duration::from_millis(40)).into_std());
    let options = FeedOptions { deadline, ..FeedOptions::default() };
    let feed = mocks.mixer().scored_posts(query(), options).await.unwrap();
    assert!(start.elapsed() <= Duration::from_millis(42), "{:?}", start.elapsed());
    assert_eq!(feed.items.len(), 8, "the prior had the last quarter of the time");
    assert!(feed.ranked_by_prior);
    assert_eq!(feed.degraded.iter().map(|d| d.component.as_str()).collect::<Vec<_>>(), ["PhoenixScorer"]);
}

#[tokio::test]
async fn the_history_reaches_the_models_uncut() {
    let mut world = world();
    let token = |i: i64, acted: bool| ActionToken {
        post_id: PostId(9_000 + i as u64),
        author_id: UserId(10),
        actions: if acted { ActionMask::of(0) } else { ActionMask::default() },
        dwell_ms: 900,
        surface: Surface::Home,
        at: TimeMs(NOW.0 - HOUR + i),
    };
    // More than any window, the last 30 of them looks: neither thinned nor cut here, since only a model knows its length.
    world.history = UserActionSequence { total: 2_000, tokens: (0..1_024).map(|i| token(i, i < 994)).collect() };
    let history = world.history.clone();
    let mocks = Mocks::new(world);
    feed(&mocks, query()).await;
    assert_eq!(*mocks.ranked.lock()[0].history, history);
}

#[tokio::test]
async fn without_a_model_there_is_no_fault() {
    let mocks = Mocks::new(world());
    let mut clients = mocks.clients();
    clients.ranking = Arc::clone(&clients.prior);
    let mixer = home_mixer::HomeMixer::build_with_clients(clients, MixerParams::default()).unwrap();
    let feed = mixer.scored_posts(query(), FeedOptions::default()).await.unwrap();
    assert_eq!((feed.model, feed.ranked_by_prior, feed.degraded), (None, true, vec![]));
}

#[tokio::test]
async fn a_request_can_be_looked_up_afterwards() {
    let mocks = Mocks::new(world());
    let mixer = mocks.mixer();
    let query = ScoredPostsQuery { country_code: "DE".to_owned(), seen_ids: vec![PostId(1)], ..query() };
    let feed = mixer.scored_posts(query, FeedOptions::default()).await.unwrap();
    mixer.side_effects_idle().await;
    let info = mixer.request_info("request").unwrap();
    assert_eq!((info.viewer, info.now, info.query.limit, info.query.seen_ids), (VIEWER, NOW, 35, 1));
    assert_eq!(
        (info.query.country_code.as_str(), info.query.history_tokens, info.query.followed),
        ("DE", Some(1), Some(2))
    );
    let shown: Vec<_> = info.selected.iter().map(|p| (p.post_id, p.score)).collect();
    assert_eq!(shown, feed.items.iter().map(|p| (p.tweet_id, p.score)).collect::<Vec<_>>());
    assert_eq!(info.outcome().unwrap().timings, feed.timings_ms);
    assert_eq!(info.outcome().unwrap().degraded, feed.degraded);
    assert!(mixer.request_info("another").is_none());
}

#[tokio::test]
async fn a_feed_is_recorded_only_when_asked() {
    let mocks = Mocks::new(world());
    let mixer = mocks.mixer();
    mixer.scored_posts(query(), FeedOptions::default()).await.unwrap();
    mixer.side_effects_idle().await;
    assert!(mocks.served.lock().is_empty());

    let options = FeedOptions { record: true, ..FeedOptions::default() };
    let feed = mixer.scored_posts(query(), options).await.unwrap();
    mixer.side_effects_idle().await;
    let served = mocks.served.lock();
    let (event, at) = &served[0];
    assert_eq!((event.user_id, *at, event.request_id.as_str()), (VIEWER, NOW, "request"));
    assert_eq!(event.model.as_deref(), Some("ranker-1"));
    let posts: Vec<_> = event.posts.iter().map(|p| p.post_id).collect();
    assert_eq!(posts, feed.items.iter().map(|p| p.tweet_id).collect::<Vec<_>>());
    assert_eq!((event.posts[0].source.as_str(), event.posts[0].score), ("thunder", feed.items[0].score.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn the_next_request_of_a_viewer_waits_for_its_own_record_but_not_for_long() {
    let mocks = Mocks::new(world());
    mocks.fail(Call::ServedRecorder, Fault::Slow);
    let mixer = mocks.mixer();
    let options = FeedOptions { record: true, ..FeedOptions::default() };
    mixer.scored_posts(query(), options).await.unwrap();
    let start = tokio::time::Instant::now();
    let feed = mixer.scored_posts(query(), FeedOptions::default()).await.unwrap();
    assert_eq!(start.elapsed().as_millis(), 50);
    assert_eq!(feed.degraded[0].component, "RecordServedSideEffect");
    let start = tokio::time::Instant::now();
    let other = ScoredPostsQuery { user_id: UserId(2), ..query() };
    mixer.scored_posts(other, FeedOptions::default()).await.unwrap();
    assert_eq!(start.elapsed().as_millis(), 0, "another viewer does not wait");
}

#[tokio::test]
async fn engagement_counts_are_those_of_the_original() {
    let mocks = Mocks::new(world());
    let feed = feed(&mocks, query()).await;
    let repost = feed.items.iter().find(|p| p.tweet_id == PostId(111)).unwrap();
    assert_eq!(repost.engagement_counts.as_deref(), Some([240, 2].as_slice()));
}
