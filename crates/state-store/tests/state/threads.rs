//! What reposts and replies go back to, over the embedded state store.

use event_log::{EdgeKind, EventBody, PostEvent, ProfileEvent};
use foryou_types::{PostId, UserId};
use mixer_kit::Ranked;

use crate::feed::{Folder, VIEWER};

/// Who posted what: the last two are what it reposts (and whom) or answers.
fn repost(id: u64, author: u64, of: u64, by: u64) -> PostEvent {
    PostEvent {
        post_id: PostId(id),
        author_id: UserId(author),
        source_post_id: PostId(of),
        source_user_id: UserId(by),
        ..PostEvent::default()
    }
}

fn reply(id: u64, author: u64, to: u64) -> PostEvent {
    PostEvent {
        post_id: PostId(id),
        author_id: UserId(author),
        text: Some(format!("reply {id}")),
        in_reply_to_post_id: PostId(to),
        ..PostEvent::default()
    }
}

/// 100 by 10, reposted by 11 (300), whose repost 12 reposts (301), whose repost 13 reposts (302). The viewer follows 12 and 13.
fn chain() -> Folder {
    let folder = Folder::new();
    for (id, author, of, by) in [(300, 11, 100, 10), (301, 12, 300, 11), (302, 13, 301, 12)] {
        folder.post(repost(id, author, of, by));
    }
    folder.edge(EdgeKind::Follow, VIEWER, 12);
    folder.edge(EdgeKind::Follow, VIEWER, 13);
    folder
}

/// Those of the chain that the feed has, and what they repost.
async fn shown(folder: &Folder) -> Vec<(u64, u64)> {
    let feed = folder.feed_with(mixer_kit::FeedOptions::default()).await;
    let chain = feed.items.iter().filter(|p| [100, 300, 301, 302].contains(&p.tweet_id.0));
    chain.map(|p| (p.tweet_id.0, p.original_id().0)).collect()
}

#[tokio::test]
async fn a_repost_of_a_repost_shows_the_original_once() {
    let folder = chain();
    let feed = folder.feed_with(mixer_kit::FeedOptions::default()).await;
    let of_chain: Vec<_> = feed.items.iter().filter(|p| p.original_id() == PostId(100)).collect();
    assert_eq!(of_chain.len(), 1, "{:?}", shown(&folder).await);
    let post = of_chain[0];
    assert_eq!((post.group_id(), post.tweet_text.as_deref()), (UserId(10), Some("post 100 about topic10")));
}

#[tokio::test]
async fn a_hidden_original_hides_every_repost_of_it() {
    for kind in [EdgeKind::Block, EdgeKind::Mute] {
        let folder = chain();
        folder.edge(kind, VIEWER, 10);
        assert_eq!(shown(&folder).await, [], "{kind:?}");
    }
    let blocked_by = chain();
    blocked_by.edge(EdgeKind::Block, UserId(10), VIEWER.0);
    assert_eq!(shown(&blocked_by).await, []);

    let protected = chain();
    let profile = ProfileEvent { user_id: UserId(10), protected: Some(true), ..ProfileEvent::default() };
    protected.submit(EventBody::Profile(Box::new(profile)));
    assert_eq!(shown(&protected).await, []);

    let deleted = chain();
    deleted.submit(EventBody::Delete { post_id: PostId(100) });
    assert_eq!(shown(&deleted).await, []);

    let muted = chain();
    muted.submit(EventBody::MuteKeyword { user_id: VIEWER, keyword: "topic10".to_owned(), muted: true });
    assert_eq!(shown(&muted).await, []);
}

#[tokio::test]
async fn a_blocked_reposter_in_the_middle_leaves_the_original() {
    let folder = chain();
    folder.edge(EdgeKind::Block, VIEWER, 11);
    assert_eq!(shown(&folder).await, [(100, 100)]);
}

#[tokio::test]
async fn a_quote_of_a_deleted_post_is_not_shown() {
    let folder = Folder::new();
    let quote = PostEvent { quoted_post_id: PostId(100), quoted_user_id: UserId(10), ..reply(300, 12, 0) };
    folder.post(quote);
    folder.edge(EdgeKind::Follow, VIEWER, 12);
    assert!(folder.feed().await.contains(&300));
    folder.submit(EventBody::Delete { post_id: PostId(100) });
    assert!(!folder.feed().await.contains(&300));
}

#[tokio::test]
async fn reposts_in_a_circle_come_to_an_end() {
    let folder = Folder::new();
    folder.post(repost(300, 11, 301, 12));
    folder.post(repost(301, 12, 300, 11));
    for author in [11, 12] {
        folder.edge(EdgeKind::Follow, VIEWER, author);
    }
    let feed = folder.feed().await;
    assert!([300, 301].iter().all(|id| !feed.contains(id)), "what has no original has nothing to show: {feed:?}");
}

#[tokio::test]
async fn one_post_of_a_thread_whatever_the_order_of_ids() {
    let folder = Folder::new();
    // 900 <- 800 <- 801; 900 <- 950 <- 50 <- 60. And 7 <- 8 <- 9 <- 7, a circle. 70 answers a post that is not known.
    let posts = [
        (900, 20, 0),
        (800, 21, 900),
        (801, 22, 800),
        (950, 23, 900),
        (50, 24, 950),
        (60, 25, 50),
        (7, 26, 9),
        (8, 27, 7),
        (9, 28, 8),
        (70, 29, 4_000),
        (71, 30, 4_000),
    ];
    for (id, author, to) in posts {
        folder.post(reply(id, author, to));
        folder.edge(EdgeKind::Follow, VIEWER, author);
    }
    // Two that name the thread and answer nothing that is known.
    for (id, author, to) in [(40, 31, 5_000), (41, 32, 5_001)] {
        folder.post(PostEvent { conversation_id: PostId(900), ..reply(id, author, to) });
        folder.edge(EdgeKind::Follow, VIEWER, author);
    }
    let feed = folder.feed().await;
    for thread in [&[900, 800, 801, 950, 50, 60, 40, 41][..], &[7, 8, 9], &[70, 71]] {
        let shown: Vec<_> = feed.iter().filter(|id| thread.contains(id)).collect();
        assert_eq!(shown.len(), 1, "{shown:?} of {thread:?}");
    }
}

#[tokio::test]
async fn a_long_thread_has_one_beginning() {
    let folder = Folder::new();
    folder.post(reply(1_000, 40, 0));
    for i in 1..200 {
        folder.post(reply(1_000 + i, 40, 999 + i));
    }
    // The ends of two branches, both further from the beginning than ancestors are named.
    for (id, to, author) in [(2_000, 1_150, 41), (2_001, 1_199, 42)] {
        folder.post(reply(id, author, to));
        folder.edge(EdgeKind::Follow, VIEWER, author);
    }
    let feed = folder.feed().await;
    assert_eq!(feed.iter().filter(|id| **id >= 1_000).count(), 1, "{feed:?}");
}
