//! Posts and requests in few words.

use foryou_io::Step;
use foryou_types::seams::{InNetworkRequest, LightPost};
use foryou_types::{PostId, TimeMs, UserId};
use thunder::{Lookup, PostStore, StoreConfig};

/// The moment the tests take place.
pub(crate) const NOW: TimeMs = TimeMs(1_700_000_000_000);

/// The readiness of a store that is filled.
pub(crate) fn ready() -> Step {
    let step = Step::new("thunder", "posts");
    step.finish();
    step
}

/// An original.
pub(crate) fn original(id: u64, author: u64, age_ms: i64) -> LightPost {
    LightPost {
        post_id: PostId(id),
        author_id: UserId(author),
        created_at: NOW - age_ms,
        conversation_id: PostId(id),
        ..LightPost::default()
    }
}

/// An original with a video.
pub(crate) fn video(id: u64, author: u64, age_ms: i64) -> LightPost {
    LightPost { has_video: true, ..original(id, author, age_ms) }
}

/// A repost of `(post, author)`.
pub(crate) fn repost(id: u64, author: u64, age_ms: i64, source: (u64, u64)) -> LightPost {
    LightPost {
        is_retweet: true,
        source_post_id: PostId(source.0),
        source_user_id: UserId(source.1),
        ..original(id, author, age_ms)
    }
}

/// A reply to `(post, author)` in the thread `conversation`.
pub(crate) fn reply(id: u64, author: u64, age_ms: i64, parent: (u64, u64), conversation: u64) -> LightPost {
    LightPost {
        is_reply: true,
        in_reply_to_post_id: PostId(parent.0),
        in_reply_to_user_id: UserId(parent.1),
        conversation_id: PostId(conversation),
        ..original(id, author, age_ms)
    }
}

/// A store of the default configuration with posts in it.
pub(crate) fn store_of(posts: &[LightPost]) -> PostStore {
    store_with(StoreConfig::default(), posts)
}

/// A store with posts in it.
pub(crate) fn store_with(config: StoreConfig, posts: &[LightPost]) -> PostStore {
    let store = PostStore::new(config);
    assert_eq!(store.insert_posts(posts, NOW).stored, posts.len());
    store
}

/// The viewer of the tests.
pub(crate) const VIEWER: u64 = 999;

/// A request of the viewer who follows some accounts.
pub(crate) fn request(following: &[u64]) -> InNetworkRequest {
    InNetworkRequest {
        user_id: UserId(VIEWER),
        following_user_ids: following.iter().copied().map(UserId).collect(),
        ..InNetworkRequest::default()
    }
}

/// The answer of a store at [`NOW`].
pub(crate) fn ask(store: &PostStore, request: &InNetworkRequest) -> Lookup {
    store.lookup(request, &request.following_user_ids, None, NOW)
}

/// The ids of an answer.
pub(crate) fn ids(lookup: &Lookup) -> Vec<u64> {
    lookup.response.posts.iter().map(|post| post.post_id.0).collect()
}

/// The ids a viewer gets who follows some accounts.
pub(crate) fn feed(store: &PostStore, following: &[u64]) -> Vec<u64> {
    ids(&ask(store, &request(following)))
}

/// The ids such a viewer gets for a video request.
pub(crate) fn videos(store: &PostStore, following: &[u64]) -> Vec<u64> {
    ids(&ask(store, &InNetworkRequest { is_video_request: true, ..request(following) }))
}
