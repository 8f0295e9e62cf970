//! Posts from the state store.

use std::sync::Arc;

use async_trait::async_trait;
use event_log::{MediaKind, PostEvent};
use foryou_types::seams::{CoreData, SeamError, TweetEntities};
use foryou_types::{PostId, UserId};

use super::off_worker;
use crate::{StateError, StateStore, StoredPost};

/// Posts above a reply that are looked up; beyond, only the first post of the thread is known.
const MAX_ANCESTORS: usize = 64;

/// [`TweetEntities`] over the state store.
///
/// A repost has no content of its own: text, video, topics, language, quote, paywall and thread are those of the original, so that
/// a muted keyword mutes reposts, too. A post that consists of media alone has the empty text.
pub struct StateTweetEntities(pub Arc<StateStore>);

#[async_trait]
impl TweetEntities for StateTweetEntities {
    async fn core_data(&self, posts: &[PostId]) -> Result<Vec<Option<Arc<CoreData>>>, SeamError> {
        let posts = posts.to_vec();
        off_worker(&self.0, move |store| core_data_of(store, &posts)).await
    }

    async fn engagement_counts(&self, posts: &[PostId]) -> Result<Vec<Arc<[u64]>>, SeamError> {
        let posts = posts.to_vec();
        off_worker(&self.0, move |store| posts.iter().map(|&post| store.raw_counts(post).map(Arc::from)).collect())
            .await
    }
}

fn core_data_of(store: &StateStore, posts: &[PostId]) -> Result<Vec<Option<Arc<CoreData>>>, StateError> {
    let stored = store.posts(posts)?;
    // Most posts stand alone, and are not read again.
    let threads: Vec<PostId> =
        stored.iter().flatten().filter(|found| !stands_alone(found)).map(|found| found.post.post_id).collect();
    let mut conversations = store.conversations(&threads)?.into_iter();
    let one = |found: Option<Arc<StoredPost>>| {
        let Some(found) = found else { return Ok(None) };
        let post = &found.post;
        let known = if stands_alone(&found) { post.conversation_id.some() } else { conversations.next() };
        let conversation = known.unwrap_or(post.post_id);
        core_data_in(store, &found, conversation).map(|core| Some(Arc::new(core)))
    };
    stored.into_iter().map(one).collect()
}

/// Whether a post neither reposts nor answers another one.
fn stands_alone(found: &StoredPost) -> bool {
    !found.post.is_repost() && !found.post.is_reply()
}

fn core_data_in(store: &StateStore, found: &StoredPost, conversation: PostId) -> Result<CoreData, StateError> {
    let chain = if found.post.is_repost() { store.reposted(found.post.post_id)? } else { Vec::new() };
    let reposted = store.posts(&chain)?;
    let mut core = core_data(found, &chain, &reposted);
    // A repost stands in its original's thread.
    let shown = reposted.last().map_or(Some(found), Option::as_deref);
    if let Some((quoted, _)) = core.quoted {
        quote_the_original(store, quoted, &mut core)?;
    }
    core.ancestors = shown.map_or(Ok(Vec::new()), |shown| ancestors(store, &shown.post, conversation))?;
    core.conversation = Some(conversation);
    Ok(core)
}

/// A quote of a repost quotes the original: the rules on quoted posts are about that. Whoever stands between counts as reposted.
fn quote_the_original(store: &StateStore, quoted: PostId, core: &mut CoreData) -> Result<(), StateError> {
    let chain = store.reposted(quoted)?;
    let Some(&original) = chain.last() else { return Ok(()) };
    let author = store.post(original)?.map_or(UserId::NONE, |post| post.post.author_id);
    core.quoted = Some((original, author));
    for repost in std::iter::once(quoted).chain(chain).filter(|&post| post != original) {
        core.reposted_through.extend(store.post(repost)?.and_then(|post| post.post.author_id.some()));
    }
    Ok(())
}

/// The posts above a reply, nearest first, and the first post of its thread even where the chain to it is broken.
fn ancestors(store: &StateStore, post: &PostEvent, first: PostId) -> Result<Vec<PostId>, StateError> {
    if !post.is_reply() {
        return Ok(Vec::new());
    }
    let mut ancestors = store.ancestors(post.post_id, MAX_ANCESTORS)?;
    if first != post.post_id && !ancestors.contains(&first) {
        ancestors.push(first);
    }
    Ok(ancestors)
}

/// `chain` and `reposted`: the posts that a repost stands on, the original last, and what is known of them.
fn core_data(stored: &StoredPost, chain: &[PostId], reposted: &[Option<Arc<StoredPost>>]) -> CoreData {
    let post = &stored.post;
    let original = reposted.last().and_then(Option::as_deref);
    let content = original.map_or(post, |original| &original.post);
    let between = &reposted[..reposted.len().saturating_sub(1)];
    // The repost that stands directly on the original says who its author is, where nothing else does.
    let nearest = between.last().and_then(Option::as_deref).map_or(post, |repost| &repost.post);
    CoreData {
        author_id: post.author_id,
        // What a repost itself says counts only while nothing is known of its original.
        text: if original.is_some() {
            text(content)
        } else {
            text(post).filter(|text| chain.is_empty() || !text.is_empty())
        },
        created_at: stored.created_at,
        in_reply_to: post.in_reply_to_post_id.some(),
        reposted: chain.last().map(|&id| {
            let author = original.and_then(|original| original.post.author_id.some());
            (id, UserId::from_option(author.or(nearest.source_user_id.some())))
        }),
        reposted_through: between.iter().flatten().filter_map(|repost| repost.post.author_id.some()).collect(),
        reposted_created_at: original.map(|original| original.created_at),
        reposted_deleted: original.is_some_and(|original| original.deleted),
        quoted: content.quoted_post_id.some().map(|id| (id, content.quoted_user_id)),
        ancestors: Vec::new(),
        conversation: None,
        topics: content.topics.clone(),
        language: content.language.as_deref().map(Arc::from),
        video_duration_ms: video_duration(content),
        subscription_author: content.subscription_author_id.some(),
        deleted: stored.deleted,
    }
}

fn text(post: &PostEvent) -> Option<Arc<str>> {
    match (post.title.as_deref(), post.text.as_deref()) {
        (Some(title), Some(text)) => Some(format!("{title}\n{text}").into()),
        (Some(one), None) | (None, Some(one)) => Some(one.into()),
        (None, None) => (!post.media.is_empty()).then(|| Arc::from("")),
    }
}

/// The longest video's length; 0 for a video of unknown length.
fn video_duration(post: &PostEvent) -> Option<i32> {
    let videos = post.media.iter().filter(|media| media.kind == MediaKind::Video);
    videos.map(|video| video.duration_ms.map_or(0, |ms| i32::try_from(ms).unwrap_or(i32::MAX))).max()
}

#[cfg(test)]
mod tests {
    use event_log::Media;
    use foryou_types::TimeMs;

    use super::*;

    fn stored(post: PostEvent) -> StoredPost {
        StoredPost { post, created_at: TimeMs(5_000), deleted: false }
    }

    #[test]
    fn a_repost_shows_what_the_original_says() {
        let original = stored(PostEvent {
            post_id: PostId(1),
            author_id: UserId(10),
            title: Some("Title".to_owned()),
            text: Some("body".to_owned()),
            language: Some("de".to_owned()),
            media: vec![Media { kind: MediaKind::Video, duration_ms: Some(7_000) }],
            quoted_post_id: PostId(3),
            subscription_author_id: UserId(10),
            topics: vec![4],
            ..PostEvent::default()
        });
        let repost = StoredPost {
            created_at: TimeMs(9_000),
            ..stored(PostEvent {
                post_id: PostId(2),
                author_id: UserId(20),
                source_post_id: PostId(1),
                ..PostEvent::default()
            })
        };
        let core = core_data(&repost, &[PostId(1)], &[Some(Arc::new(original.clone()))]);
        assert_eq!(core.text.as_deref(), Some("Title\nbody"));
        assert_eq!(core.reposted, Some((PostId(1), UserId(10))));
        assert_eq!((core.created_at, core.reposted_created_at), (TimeMs(9_000), Some(TimeMs(5_000))));
        assert_eq!((core.author_id, core.subscription_author), (UserId(20), Some(UserId(10))));
        assert_eq!((core.video_duration_ms, core.topics.as_slice()), (Some(7_000), [4].as_slice()));
        assert_eq!(core.quoted, Some((PostId(3), UserId::NONE)));
        assert_eq!(core.language.as_deref(), Some("de"));
        // A repost of the repost stands for the original, too.
        let above = StoredPost {
            created_at: TimeMs(11_000),
            ..stored(PostEvent {
                post_id: PostId(4),
                author_id: UserId(30),
                source_post_id: PostId(2),
                source_user_id: UserId(20),
                ..PostEvent::default()
            })
        };
        let chain = [PostId(2), PostId(1)];
        let core = core_data(&above, &chain, &[Some(Arc::new(repost.clone())), Some(Arc::new(original.clone()))]);
        assert_eq!(core.text.as_deref(), Some("Title\nbody"));
        assert_eq!(
            (core.reposted, core.reposted_through.as_slice()),
            (Some((PostId(1), UserId(10))), [UserId(20)].as_slice())
        );
        assert_eq!((core.created_at, core.reposted_created_at), (TimeMs(11_000), Some(TimeMs(5_000))));
        // Of an original that is not known, only what the repost itself says is known.
        assert_eq!(core_data(&repost, &[PostId(1)], &[None]).text, None);
        let speaking = |text: &str| {
            let post = PostEvent { text: Some(text.to_owned()), ..repost.post.clone() };
            StoredPost { post, ..repost.clone() }
        };
        assert_eq!(core_data(&speaking("RT"), &[PostId(1)], &[None]).text.as_deref(), Some("RT"));
        assert_eq!(core_data(&speaking(""), &[PostId(1)], &[None]).text, None);
        // A text of its own does not hide the original's from the rules.
        for text in ["", "RT"] {
            let known = [Some(Arc::new(original.clone()))];
            assert_eq!(core_data(&speaking(text), &[PostId(1)], &known).text.as_deref(), Some("Title\nbody"));
        }
    }

    #[test]
    fn a_post_of_media_alone_has_a_text_and_a_video_a_length() {
        let video = |duration_ms| Media { kind: MediaKind::Video, duration_ms };
        let post = |media| stored(PostEvent { post_id: PostId(1), media, ..PostEvent::default() });
        let core = core_data(&post(vec![video(None)]), &[], &[]);
        assert_eq!((core.text.as_deref(), core.video_duration_ms), (Some(""), Some(0)));
        let core = core_data(&post(vec![video(Some(3)), video(Some(u32::MAX))]), &[], &[]);
        assert_eq!(core.video_duration_ms, Some(i32::MAX));
        let photo = core_data(&post(vec![Media { kind: MediaKind::Photo, duration_ms: None }]), &[], &[]);
        assert_eq!(photo.video_duration_ms, None);
        assert_eq!(core_data(&post(Vec::new()), &[], &[]).text, None);
    }
}
