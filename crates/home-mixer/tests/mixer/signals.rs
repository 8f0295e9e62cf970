//! Feeds with little to go by: nothing known of the posts, everything known to the viewer, nothing left.

use foryou_types::seams::{CoreData, FilteredReason};
use foryou_types::{PostId, UserActionSequence, UserId};
use home_mixer::params::MixerParams;
use home_mixer::query::ScoredPostsQuery;
use mixer_kit::FeedOptions;

use crate::behaviour::{feed, ids, strangers};
use crate::mocks::{HOUR, Mocks, NOW, World, post, query, some_history};

#[tokio::test]
async fn posts_that_nobody_acted_on_come_newest_first_with_authors_mixed() {
    let mut world = World::default();
    world.graph.followed = (10..20).map(UserId).collect();
    // Ten authors, six posts each, all of one author in a row; the larger the id the older.
    for i in 0..60 {
        world
            .posts
            .insert(PostId(100 + i), CoreData { created_at: NOW - (i as i64 + 1) * 60_000, ..post(10 + i / 6, "x") });
    }
    let mocks = Mocks::new(world);
    let feed = feed(&mocks, ScoredPostsQuery { limit: 60, ..query() }).await;
    let rounds: Vec<u64> = (0..6).flat_map(|k| (0..10).map(move |author| 100 + author * 6 + k)).collect();
    assert_eq!(ids(&feed), rounds, "in each round the newest post of each author, the newest first");
    assert!(feed.items.iter().all(|p| p.weighted_score == Some(0.0)));
}

#[tokio::test]
async fn what_the_viewer_knows_is_excluded_where_posts_are_retrieved() {
    for history in [some_history(), UserActionSequence::default()] {
        let mut world = strangers(60);
        world.popular = world.retrieved.clone();
        world.history = history;
        // What the viewer acted on stands in the history.
        let mut excluded_ids = vec![1, 3, 4, 5];
        let mut left: Vec<u64> = [2].into_iter().chain(6..=14).collect();
        if let Some(token) = world.history.tokens.first_mut() {
            token.post_id = PostId(2);
            (excluded_ids, left) = (vec![1, 2, 3, 4, 5], (6..=15).collect());
        }
        world.record.seen = vec![PostId(1)];
        world.record.served = vec![PostId(3)];
        let mocks = Mocks::new(world);
        let query = ScoredPostsQuery { seen_ids: vec![PostId(4)], served_ids: vec![PostId(5)], ..query() };
        let params = MixerParams { phoenix_max_results: 10, popular_max_results: 10, ..MixerParams::default() };
        let feed = mocks.mixer_with(params).scored_posts(query.clone(), FeedOptions::default()).await.unwrap();
        let mut got = ids(&feed);
        got.sort_unstable();
        assert_eq!(got, left, "the best ten of those the viewer does not know");
        let mut excluded = mocks.retrieval_asked.lock()[0].exclude_post_ids.clone();
        excluded.sort_unstable();
        assert_eq!(excluded, excluded_ids.iter().copied().map(PostId).collect::<Vec<_>>());

        // The January rule lets a refresh show again what was served.
        let january = MixerParams { january_previously_served: true, ..MixerParams::default() };
        mocks.mixer_with(january).scored_posts(query, FeedOptions::default()).await.unwrap();
        let mut excluded = mocks.retrieval_asked.lock()[1].exclude_post_ids.clone();
        excluded.sort_unstable();
        excluded_ids.retain(|id| ![3, 5].contains(id));
        assert_eq!(excluded, excluded_ids.into_iter().map(PostId).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_empty_feed_says_what_emptied_it() {
    let mut world = strangers(3);
    world.posts.get_mut(&PostId(1)).unwrap().created_at = NOW - 49 * HOUR;
    world.record.seen = Vec::new();
    world.preferences.muted_keywords = ["hello".to_owned()].into();
    world.posts.get_mut(&PostId(3)).unwrap().text = Some("fine".into());
    world.verdicts.insert(PostId(3), FilteredReason::Deleted);
    let mocks = Mocks::new(world);
    let empty = feed(&mocks, query()).await;
    assert_eq!(
        empty.empty_because.as_deref(),
        Some("of 3 candidates AgeFilter removed 1, MutedKeywordFilter removed 1, VFFilter removed 1 after selection")
    );
    let nothing = feed(&mocks, ScoredPostsQuery { in_network_only: true, ..query() }).await;
    assert_eq!(
        nothing.empty_because.as_deref(),
        Some("the sources found no post (the viewer follows nobody, and only their posts were asked for)")
    );
    mocks.world.lock().preferences.muted_keywords = [].into();
    assert_eq!(feed(&mocks, query()).await.empty_because, None);
}
