//! Posts.
//!
//! * A post that was created twice keeps its first creation in the log (ingestion refuses another one).
//! * A delete before its create keeps the post deleted.
//! * Actions on a post that come before its creation count as if they had come after it.

use std::sync::Arc;

use event_log::{Media, MediaKind, PostEvent};
use foryou_types::reposts::chain;
use foryou_types::{Creation, Deletion, PostId, PostLife, TimeMs, UserId};
use rustc_hash::FxHashMap;

use crate::apply::{Applier, Target};
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table, time_at};
use crate::popularity::Recent;
use crate::read_cache::Cached;
use crate::store::StateStore;

/// A post as the state knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredPost {
    /// The fields of its creation; only the id if just its delete is known.
    pub post: PostEvent,
    /// When it was created; if only its delete is known, when it was deleted.
    pub created_at: TimeMs,
    /// Deleted.
    pub deleted: bool,
}

/// A stored post, and whether its creation was seen.
struct Row {
    post: StoredPost,
    created: bool,
}

/// What an action or impression needs to know about its post.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PostRef {
    /// Its author.
    pub(crate) author: UserId,
    /// The post it reposts.
    pub(crate) source: PostId,
}

fn key(id: PostId) -> Key {
    Key::of(Table::Posts).post(id)
}

pub(crate) fn by_time_key(created_at: TimeMs, id: PostId) -> Key {
    Key::of(Table::PostsByTime).time(created_at).post(id)
}

impl StateStore {
    /// A post, deleted ones included. `None`: neither its creation nor its delete is known.
    pub fn post(&self, id: PostId) -> Result<Option<Arc<StoredPost>>, StateError> {
        self.post_cache.get(id, || {
            let key = key(id);
            let Some(value) = self.storage.get(&key)? else { return Ok(None) };
            let row = Row::decode(id, Decoder(&value));
            row.map(|row| Some(row.post)).ok_or_else(|| self.storage.corrupt(key.table(), "a post cannot be read"))
        })
    }

    /// Posts, in the order of `ids`.
    pub fn posts(&self, ids: &[PostId]) -> Result<Vec<Option<Arc<StoredPost>>>, StateError> {
        ids.iter().map(|&id| self.post(id)).collect()
    }

    /// Whether a post was deleted. An unknown post was not.
    pub fn is_deleted(&self, id: PostId) -> Result<bool, StateError> {
        if self.popularity.read().recent(id).is_some() {
            return Ok(false); // a deleted post is not among the recent ones
        }
        Ok(self.post(id)?.is_some_and(|post| post.deleted))
    }

    /// The chain of reposts: the post that this one reposts, then the post that that one reposts, and so on, the original last. Empty
    /// if the post reposts nothing. The chain ends at an unknown post, which is included. Posts that repost each other in a circle end
    /// at the one with the smallest id, whichever of them is asked about, so that all have the same original.
    pub fn reposted(&self, id: PostId) -> Result<Vec<PostId>, StateError> {
        chain(id, |at| Ok(self.post(at)?.and_then(|post| post.post.source_post_id.some())))
    }

    /// The original of a post: the last of [`Self::reposted`], or the post itself.
    pub fn original(&self, id: PostId) -> Result<PostId, StateError> {
        Ok(self.reposted(id)?.last().copied().unwrap_or(id))
    }

    /// The conversation of a post: its `conversation_id` if it has one, else that of the post it answers, and so on up to the first
    /// post of the thread. A repost belongs to the conversation of its original. Posts that answer each other in a circle belong to the
    /// one with the smallest id.
    pub fn conversation(&self, id: PostId) -> Result<PostId, StateError> {
        self.conversation_of(id, &mut FxHashMap::default())
    }

    /// The conversations of posts, in the order of `ids`. Posts of one thread share the way up.
    pub fn conversations(&self, ids: &[PostId]) -> Result<Vec<PostId>, StateError> {
        let mut known = FxHashMap::default();
        ids.iter().map(|&id| self.conversation_of(id, &mut known)).collect()
    }

    fn conversation_of(&self, id: PostId, known: &mut FxHashMap<PostId, PostId>) -> Result<PostId, StateError> {
        let mut given = None;
        let above = chain::<StateError>(id, |at| {
            if let Some(&conversation) = known.get(&at) {
                given = Some(conversation);
                return Ok(None);
            }
            let Some(post) = self.post(at)? else { return Ok(None) };
            let post = &post.post;
            // A reply that names itself as the first post of its thread is ignored.
            let named = post.conversation_id.some().filter(|named| *named != at || !post.is_reply());
            given = if post.is_repost() { None } else { named };
            Ok(match given {
                Some(_) => None,
                None => post.source_post_id.some().or(post.in_reply_to_post_id.some()),
            })
        })?;
        let conversation = given.or(above.last().copied()).unwrap_or(id);
        known.extend(std::iter::once(id).chain(above).map(|post| (post, conversation)));
        Ok(conversation)
    }

    /// When the newest post that is not deleted was created; `None` without posts.
    pub fn newest_post_at(&self) -> Result<Option<TimeMs>, StateError> {
        let (from, to) = (by_time_key(TimeMs(i64::MIN), PostId::NONE), by_time_key(TimeMs(i64::MAX), PostId(u64::MAX)));
        let Some(newest) = self.storage.range(&from, &to)?.next_back() else { return Ok(None) };
        let (key, _) = newest?;
        time_at(&key, 1).map(Some).ok_or_else(|| self.storage.corrupt(Table::PostsByTime, "an entry cannot be read"))
    }

    /// The posts above a reply: its parent first, then the parent's parent, at most `limit`. Ends at an unknown post (included) and at
    /// a post that was visited before.
    pub fn ancestors(&self, id: PostId, limit: usize) -> Result<Vec<PostId>, StateError> {
        let mut above = Vec::new();
        let mut at = id;
        while above.len() < limit {
            let Some(parent) = self.post(at)?.and_then(|post| post.post.in_reply_to_post_id.some()) else { break };
            if parent == id || above.contains(&parent) {
                break;
            }
            above.push(parent);
            at = parent;
        }
        Ok(above)
    }
}

impl Applier<'_, '_> {
    /// Returns whether the post is new.
    pub(crate) fn create_post(&mut self, at: TimeMs, post: &PostEvent) -> Result<bool, StateError> {
        let id = post.post_id;
        if self.popularity.recent(id).is_some() {
            return Ok(false);
        }
        let known = self.tx.read(&key(id), |value| Row::decode(id, value))?;
        let deleted = match known.map_or_else(PostLife::default, |row| row.life()).create() {
            Creation::Repeated => return Ok(false),
            Creation::Stillborn => true,
            Creation::Born => false,
        };
        self.tx.put(key(id), |out| encode(post, at, deleted, true, out));
        let (author, source) = (post.author_id, post.source_post_id);
        // Actions and impressions may have come before the post they are on.
        let mut counts = self.read_counts(id)?;
        if counts.is_some() {
            self.adopt(id, author)?;
            counts = self.read_counts(id)?;
        }
        if deleted {
            return Ok(true);
        }
        self.tx.put(by_time_key(at, id), |out| {
            out.number(author.0).number(source.0);
        });
        if self.popularity.keeps(at) {
            let recent = Recent::new(at, PostRef { author, source }, counts.map(Box::new), self.settings);
            self.popularity.insert(id, recent);
        }
        Ok(true)
    }

    /// Corrects what was taken in for a post before its creation was read: its author, and the post that it counts for, since it may
    /// be a repost.
    fn adopt(&mut self, id: PostId, author: UserId) -> Result<(), StateError> {
        self.name_author(id, author)?;
        let target = self.target(id)?;
        self.move_actions(id, &target)
    }

    /// Returns whether the post was not deleted before.
    pub(crate) fn delete_post(&mut self, at: TimeMs, id: PostId) -> Result<bool, StateError> {
        match self.tx.read(&key(id), |value| Row::decode(id, value))? {
            Some(row) if row.created => {
                if row.life().delete() == Deletion::Repeated {
                    return Ok(false);
                }
                self.tx.put(key(id), |out| encode(&row.post.post, row.post.created_at, true, true, out));
                self.tx.delete(by_time_key(row.post.created_at, id));
                if let Some(counts) = self.popularity.remove(id) {
                    self.write_counts(id, &counts);
                }
                Ok(true)
            }
            known => {
                let only_id = PostEvent { post_id: id, ..PostEvent::default() };
                let first = known.as_ref().map_or(at, |row| row.post.created_at.min(at));
                self.tx.put(key(id), |out| encode(&only_id, first, true, false, out));
                Ok(known.is_none())
            }
        }
    }

    /// Author and source of a post; `None` if its creation is not known (yet).
    fn post_ref(&mut self, id: PostId) -> Result<Option<PostRef>, StateError> {
        if let Some(recent) = self.popularity.recent(id) {
            return Ok(Some(PostRef { author: recent.author, source: recent.source }));
        }
        let row = self.tx.read(&key(id), |value| Row::decode(id, value))?;
        Ok(row
            .filter(|row| row.created)
            .map(|row| PostRef { author: row.post.post.author_id, source: row.post.post.source_post_id }))
    }

    /// The target of an engagement with a post.
    pub(crate) fn target(&mut self, id: PostId) -> Result<Target, StateError> {
        let found = self.post_ref(id)?;
        let (author, known) = (found.unwrap_or_default().author, found.is_some());
        let mut target = Target { author, known, original: id, original_known: known };
        if found.is_some_and(|found| found.source.is_some()) {
            let above = chain::<StateError>(id, |at| Ok(self.post_ref(at)?.and_then(|found| found.source.some())))?;
            if let Some(&original) = above.last() {
                target.original = original;
                target.original_known = self.post_ref(original)?.is_some();
            }
        }
        Ok(target)
    }
}

/// What a by-time entry says about its post.
pub(crate) fn decode_by_time(mut value: Decoder<'_>) -> Option<PostRef> {
    let found = PostRef { author: UserId(value.number()?), source: PostId(value.number()?) };
    value.end(found)
}

impl Cached for StoredPost {
    fn bytes(&self) -> u64 {
        let text = |field: &Option<String>| field.as_ref().map_or(0, String::len);
        (size_of::<Self>() + text(&self.post.text) + text(&self.post.title)) as u64
    }
}

const DELETED: u8 = 1;
const CREATED: u8 = 2;

/// The fields of a post in the order of their bits: ids first, then texts, then lists.
fn id_fields(post: &PostEvent) -> [u64; 9] {
    [
        post.author_id.0,
        post.in_reply_to_post_id.0,
        post.in_reply_to_user_id.0,
        post.conversation_id.0,
        post.source_post_id.0,
        post.source_user_id.0,
        post.quoted_post_id.0,
        post.quoted_user_id.0,
        post.subscription_author_id.0,
    ]
}

fn encode(post: &PostEvent, created_at: TimeMs, deleted: bool, created: bool, out: &mut Encoder) {
    let ids = id_fields(post);
    let texts = [&post.text, &post.title, &post.language, &post.country];
    let mut mask = 0u64;
    for (bit, present) in ids
        .iter()
        .map(|&id| id != 0)
        .chain(texts.iter().map(|text| text.is_some()))
        .chain([!post.media.is_empty(), !post.topics.is_empty()])
        .enumerate()
    {
        mask |= u64::from(present) << bit;
    }
    let flags = if deleted { DELETED } else { 0 } | if created { CREATED } else { 0 };
    out.byte(flags).time(created_at).number(mask);
    for id in ids.into_iter().filter(|&id| id != 0) {
        out.number(id);
    }
    for text in texts.into_iter().flatten() {
        out.text(text);
    }
    if !post.media.is_empty() {
        out.number(post.media.len() as u64);
        for media in &post.media {
            let kind = match media.kind {
                MediaKind::Photo => 0,
                MediaKind::Video => 1,
                MediaKind::Gif => 2,
            };
            // Lengths are stored plus one; 0 means absent.
            out.byte(kind).number(media.duration_ms.map_or(0, |ms| u64::from(ms) + 1));
        }
    }
    if !post.topics.is_empty() {
        out.number(post.topics.len() as u64);
        for &topic in &post.topics {
            out.number(u64::from(topic));
        }
    }
}

impl Row {
    const fn life(&self) -> PostLife {
        PostLife::new(self.created, self.post.deleted)
    }

    fn decode(id: PostId, mut value: Decoder<'_>) -> Option<Self> {
        let flags = value.byte()?;
        let created_at = value.time()?;
        let mask = value.number()?;
        let has = |bit: u32| mask >> bit & 1 == 1;
        let mut ids = [0; 9];
        for (bit, field) in (0..).zip(&mut ids) {
            if has(bit) {
                *field = value.number()?;
            }
        }
        let mut texts = [const { None }; 4];
        for (bit, field) in (9..).zip(&mut texts) {
            if has(bit) {
                *field = Some(value.text()?.to_owned());
            }
        }
        let mut media = Vec::new();
        if has(13) {
            for _ in 0..value.number()? {
                let kind = match value.byte()? {
                    0 => MediaKind::Photo,
                    1 => MediaKind::Video,
                    2 => MediaKind::Gif,
                    _ => return None,
                };
                let duration_ms = match value.number()? {
                    0 => None,
                    ms => Some(u32::try_from(ms - 1).ok()?),
                };
                media.push(Media { kind, duration_ms });
            }
        }
        let mut topics = Vec::new();
        if has(14) {
            for _ in 0..value.number()? {
                topics.push(u32::try_from(value.number()?).ok()?);
            }
        }
        let [text, title, language, country] = texts;
        let [author, reply_post, reply_user, conversation, source, source_user, quoted, quoted_user, subscription] =
            ids;
        let post = PostEvent {
            post_id: id,
            author_id: UserId(author),
            text,
            title,
            language,
            country,
            media,
            in_reply_to_post_id: PostId(reply_post),
            in_reply_to_user_id: UserId(reply_user),
            conversation_id: PostId(conversation),
            source_post_id: PostId(source),
            source_user_id: UserId(source_user),
            quoted_post_id: PostId(quoted),
            quoted_user_id: UserId(quoted_user),
            subscription_author_id: UserId(subscription),
            topics,
        };
        let post = StoredPost { post, created_at, deleted: flags & DELETED != 0 };
        value.end(Self { post, created: flags & CREATED != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option::of;
    use proptest::prelude::*;

    fn posts() -> impl Strategy<Value = PostEvent> {
        let media = (0usize..3, of(any::<u32>())).prop_map(|(kind, duration_ms)| Media {
            kind: [MediaKind::Photo, MediaKind::Video, MediaKind::Gif][kind],
            duration_ms,
        });
        (
            proptest::array::uniform9(prop_oneof![Just(0u64), any::<u64>()]),
            proptest::array::uniform4(of(".{0,12}")),
            proptest::collection::vec(media, 0..3),
            proptest::collection::vec(any::<u32>(), 0..3),
        )
            .prop_map(|(ids, [text, title, language, country], media, topics)| PostEvent {
                post_id: PostId(7),
                author_id: UserId(ids[0]),
                text,
                title,
                language,
                country,
                media,
                in_reply_to_post_id: PostId(ids[1]),
                in_reply_to_user_id: UserId(ids[2]),
                conversation_id: PostId(ids[3]),
                source_post_id: PostId(ids[4]),
                source_user_id: UserId(ids[5]),
                quoted_post_id: PostId(ids[6]),
                quoted_user_id: UserId(ids[7]),
                subscription_author_id: UserId(ids[8]),
                topics,
            })
    }

    proptest! {
        #[test]
        fn a_post_survives_its_bytes(post in posts(), at: i64, deleted: bool, cut in 0usize..64) {
            let mut out = Encoder::default();
            encode(&post, TimeMs(at), deleted, true, &mut out);
            let row = Row::decode(PostId(7), Decoder(&out.0)).unwrap();
            prop_assert_eq!(&row.post, &StoredPost { post, created_at: TimeMs(at), deleted });
            prop_assert!(row.created);
            let cut = cut.min(out.0.len() - 1);
            prop_assert!(Row::decode(PostId(7), Decoder(&out.0[..cut])).is_none());
        }

        #[test]
        fn noise_is_no_post_or_one_but_never_a_panic(noise: Vec<u8>) {
            let _ = Row::decode(PostId(7), Decoder(&noise));
        }
    }
}
