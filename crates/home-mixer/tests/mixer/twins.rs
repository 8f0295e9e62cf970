//! A post and its reposts: a hidden one takes none of the others with it, and no feed has two of them.

use foryou_types::seams::{CoreData, FilteredReason};
use foryou_types::{PostId, UserId};
use home_mixer::FeedResult;
use home_mixer::params::MixerParams;
use home_mixer::query::ScoredPostsQuery;
use mixer_kit::FeedOptions;

use crate::mocks::{HOUR, Mocks, NOW, World, post, query, some_history};

const ORIGINALS: std::ops::Range<u64> = 100..130;

/// The viewer follows 2 and 3; 3 reposts all thirty posts of 2, each half an hour after it.
fn world() -> World {
    let mut world = World { history: some_history(), ..World::default() };
    world.graph.followed = [2, 3].map(UserId).into_iter().collect();
    for id in ORIGINALS {
        world.posts.insert(PostId(id), post(2, "good post"));
        let repost = CoreData {
            reposted: Some((PostId(id), UserId(2))),
            reposted_created_at: Some(NOW - HOUR),
            created_at: NOW - HOUR / 2,
            ..post(3, "good post")
        };
        world.posts.insert(PostId(id + 400), repost);
        world.heads.insert(PostId(id), vec![("favorite", 0.5)]);
    }
    world
}

async fn feed_of(world: World, params: MixerParams, query: ScoredPostsQuery) -> FeedResult {
    let query = ScoredPostsQuery { limit: 100, ..query };
    Mocks::new(world).mixer_with(params).scored_posts(query, FeedOptions::default()).await.expect("a sound request")
}

async fn ids(world: World) -> Vec<u64> {
    let feed = feed_of(world, MixerParams::default(), query()).await;
    let mut ids: Vec<u64> = feed.items.iter().map(|p| p.tweet_id.0).collect();
    ids.sort_unstable();
    ids
}

fn originals() -> Vec<u64> {
    ORIGINALS.collect()
}

#[tokio::test]
async fn of_a_post_and_its_reposts_the_first_is_shown() {
    assert_eq!(ids(world()).await, ORIGINALS.map(|id| id + 400).collect::<Vec<_>>(), "Thunder gives the newest first");
}

#[tokio::test]
async fn a_hidden_repost_leaves_the_original() {
    let mut muted = world();
    muted.graph.muted = [UserId(3)].into_iter().collect();
    assert_eq!(ids(muted).await, originals(), "the reposter is muted");

    let mut blocking = world();
    blocking.graph.blocked_by = [UserId(3)].into_iter().collect();
    assert_eq!(ids(blocking).await, originals(), "the reposter blocks the viewer");

    let mut saying = world();
    saying.preferences.muted_keywords = ["buy".to_owned()].into();
    for id in ORIGINALS {
        saying.posts.get_mut(&PostId(id + 400)).unwrap().text = Some("buy this".into());
    }
    assert_eq!(ids(saying).await, originals(), "the repost's own words are muted");

    let mut paid = world();
    for id in ORIGINALS {
        paid.posts.get_mut(&PostId(id + 400)).unwrap().subscription_author = Some(UserId(3));
    }
    assert_eq!(ids(paid).await, originals(), "the repost is for subscribers");

    let mut seen = world();
    seen.record.served = ORIGINALS.map(|id| PostId(id + 400)).collect();
    assert_eq!(ids(seen).await, originals(), "the repost was served");

    for reason in [FilteredReason::PostLabel { label: "spam".to_owned() }, FilteredReason::Deleted] {
        let mut labelled = world();
        labelled.verdicts = ORIGINALS.map(|id| (PostId(id + 400), reason.clone())).collect();
        assert_eq!(ids(labelled).await, originals(), "{reason:?}");
    }
}

#[tokio::test]
async fn a_hidden_original_leaves_no_repost_of_it_but_others() {
    let mut blocked = world();
    blocked.graph.blocked = [UserId(2)].into_iter().collect();
    assert_eq!(ids(blocked).await, [0u64; 0], "who wrote it is blocked, whoever reposts it");

    let mut deleted = world();
    for id in ORIGINALS {
        deleted.posts.get_mut(&PostId(id)).unwrap().deleted = true;
        deleted.posts.get_mut(&PostId(id + 400)).unwrap().reposted_deleted = id < 120;
    }
    assert_eq!(ids(deleted).await, (520..530).collect::<Vec<_>>(), "a repost goes with what it reposts");
}

#[tokio::test]
async fn two_reposts_of_one_original_are_never_shown_together() {
    let mut world = world();
    // Without the original among the candidates, too.
    world.graph.followed = [3, 4].map(UserId).into_iter().collect();
    for id in ORIGINALS {
        let again = world.posts[&PostId(id + 400)].clone();
        world.posts.insert(PostId(id + 800), CoreData { author_id: UserId(4), ..again });
    }
    world.verdicts = (900..910).map(|id| (PostId(id), FilteredReason::Deleted)).collect();
    let shown = ids(world).await;
    assert_eq!(shown.len(), 30);
    let mut originals: Vec<u64> = shown.iter().map(|id| (id - 100) % 400).collect();
    originals.sort_unstable();
    originals.dedup();
    assert_eq!(originals.len(), 30, "{shown:?}");
}

#[tokio::test]
async fn in_the_january_place_a_hidden_repost_takes_the_original_with_it() {
    let mut muted = world();
    muted.graph.muted = [UserId(3)].into_iter().collect();
    let january = MixerParams { january_retweet_dedup: true, ..MixerParams::default() };
    assert!(feed_of(muted, january, query()).await.items.is_empty());
}

#[tokio::test]
async fn a_listed_repost_counts_for_its_original_and_all_twins() {
    let reposts: Vec<_> = ORIGINALS.map(|id| PostId(id + 400)).collect();
    let (seen, served) = reposts.split_at(10);
    let listed = ScoredPostsQuery { seen_ids: seen.to_vec(), served_ids: served[..10].to_vec(), ..query() };
    let feed = feed_of(world(), MixerParams::default(), listed).await;
    let mut left: Vec<u64> = feed.items.iter().map(|p| p.tweet_id.0).collect();
    left.sort_unstable();
    assert_eq!(left, (520..530).collect::<Vec<_>>());
}
