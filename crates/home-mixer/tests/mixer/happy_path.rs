//! A feed whose every score is computed by hand.

use foryou_types::seams::{CoreData, UserProfile};
use foryou_types::{PostId, TimeMs, UserId};
use home_mixer::candidate::ServedType;
use mixer_kit::FeedOptions;

use crate::mocks::{HOUR, Mocks, NOW, VIEWER, World, post, query, some_history};

/// The viewer follows 10 and 11, who follows back; 20 to 24 are strangers.
pub(crate) fn world() -> World {
    let mut world = World { history: some_history(), ..World::default() };
    world.graph.followed = [10, 11].map(UserId).into_iter().collect();
    world.follow_back = vec![UserId(11)];
    world.posts = [
        (100, post(10, "in network, liked")),
        (101, post(10, "in network, the second of its author")),
        (110, post(11, "by a mutual")),
        (111, CoreData { reposted: Some((PostId(240), UserId(24))), ..post(11, "a repost of a stranger") }),
        (200, post(20, "a stranger's, liked most")),
        (210, post(21, "a stranger's, reported")),
        (220, CoreData { video_duration_ms: Some(10_001), ..post(22, "a long video") }),
        (230, CoreData { video_duration_ms: Some(10_000), ..post(23, "a short video") }),
    ]
    .into_iter()
    .map(|(id, post)| (PostId(id), post))
    .collect();
    world.retrieved = [200, 210, 220, 230].map(PostId).to_vec();
    world
        .people
        .insert(UserId(10), UserProfile { screen_name: Some("ten".into()), followers: 7, ..UserProfile::default() });
    world.heads = [
        (100, vec![("favorite", 0.3)]),
        (101, vec![("favorite", 0.16)]),
        (110, vec![("reply", 0.01)]),
        (240, vec![("repost", 0.1), ("dwell_time", 5.0)]),
        (200, vec![("favorite", 0.5)]),
        (210, vec![("favorite", 0.5), ("report", 0.01)]),
        (220, vec![("vqv", 0.4)]),
        (230, vec![("vqv", 0.4)]),
    ]
    .into_iter()
    .map(|(id, heads)| (PostId(id), heads))
    .collect();
    world
}

#[tokio::test]
async fn the_scores_are_those_computed_by_hand() {
    let mocks = Mocks::new(world());
    let feed = mocks.mixer().scored_posts(query(), FeedOptions::default()).await.unwrap();

    // 110: a mutual's original, so reply weighs 5 + 15: 20 · 0.01 = 0.2.
    // 200: 0.5 · 0.5 = 0.25, out of network · 0.75.
    // 100: 0.5 · 0.3 = 0.15.
    // 111: scored as 240: 1 · 0.1 + 0.004 · 5 s = 0.12; a repost · 0.75.
    // 101: 0.5 · 0.16 = 0.08, the second of its author · (0.25 + 0.75 · 0.5).
    // 220: 0.05 · 0.4 = 0.02 · 0.75; 230: its video is too short for vqv to count.
    // 210: 0.25 - 2.34 < 0: no multiplier; (s + N) / W · 0.001 with N = 367.2, W = 367.2 + 43.05.
    let expected = [
        (110, 0.2 + 0.001),
        (200, 0.25 * 0.75 + 0.001),
        (100, 0.15 + 0.001),
        (111, 0.12 * 0.75 + 0.001),
        (101, 0.08 * 0.625 + 0.001),
        (220, 0.02 * 0.75 + 0.001),
        (230, 0.001),
        (210, (0.25 - 2.34 + 367.2) / (367.2 + 43.05) * 0.001),
    ];
    let got: Vec<_> = feed.items.iter().map(|p| (p.tweet_id.0, p.score.unwrap())).collect();
    assert_eq!(got.iter().map(|(id, _)| *id).collect::<Vec<_>>(), expected.map(|(id, _)| id));
    for ((id, got), (_, expected)) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "{id}: {got} is not {expected}");
    }

    assert_eq!(feed.degraded, []);
    assert_eq!(feed.model.as_deref(), Some("ranker-1"));
    assert!(feed.viewer_has_history && !feed.ranked_by_prior);
    assert_eq!((feed.request_id.as_str(), feed.viewer, feed.now), ("request", VIEWER, NOW));
    assert_eq!((feed.sizes.sources, feed.sizes.filters, feed.sizes.selected), (8, 8, 8));
    assert!(feed.timings_ms.total > 0.0 && feed.timings_ms.total >= feed.timings_ms.scorers);
    let sources: Vec<_> = feed.items.iter().map(|p| (p.served_type.unwrap(), p.in_network.unwrap())).collect();
    assert_eq!(sources[0], (ServedType::Thunder, true));
    assert_eq!(sources[1], (ServedType::PhoenixRetrieval, false));
}

#[tokio::test]
async fn a_repost_is_ranked_as_its_original_and_each_original_is_asked_about_once() {
    let mut world = world();
    world.posts.insert(PostId(240), CoreData { created_at: TimeMs(NOW.0 - 3 * HOUR), ..post(24, "the original") });
    let repost = CoreData {
        reposted: Some((PostId(240), UserId(24))),
        reposted_created_at: Some(NOW - 3 * HOUR),
        ..post(10, "another repost of it")
    };
    world.posts.insert(PostId(112), repost);
    let mocks = Mocks::new(world);
    mocks.mixer().scored_posts(query(), FeedOptions::default()).await.unwrap();

    let ranked = mocks.ranked.lock();
    assert_eq!(ranked.len(), 1);
    let mut asked: Vec<_> = ranked[0].candidates.iter().map(|c| c.post_id.0).collect();
    asked.sort_unstable();
    assert_eq!(asked, [100, 101, 110, 200, 210, 220, 230, 240]);
    let original = ranked[0].candidates.iter().find(|c| c.post_id == PostId(240)).unwrap();
    assert_eq!(original.author_id, UserId(24));
    assert_eq!(ranked[0].history.tokens.len(), 1);
}
