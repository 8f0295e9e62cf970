//! The stored form of a post: 48 bytes, no allocation.

use foryou_types::seams::LightPost;
use foryou_types::{PostId, TimeMs, UserId};

const RETWEET: u64 = 1;
const REPLY: u64 = 2;
const VIDEO: u64 = 4;
/// `related_*` is what the post reposts, not what it answers.
const RELATED_IS_SOURCE: u64 = 8;
/// The post answers and reposts: `related_*` is what it answers, the rest is in [`Doubled`].
const DOUBLED: u64 = 16;

/// Times within ±2^47 ms of 1970 (the years -2490 to 6429) fit next to the flags.
const TIME_LIMIT: i64 = 1 << 47;

/// A [`LightPost`] in 48 bytes. A post answers or reposts, hardly ever both, so the two pairs of ids share one place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PackedPost {
    id: u64,
    author: u64,
    conversation: u64,
    related_post: u64,
    related_user: u64,
    /// Milliseconds in the upper 48 bits, flags below.
    time_and_flags: u64,
}

/// What a post reposts that also answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubled {
    post: PostId,
    user: UserId,
}

impl PackedPost {
    /// The stored form; `None` for a time that no calendar has.
    pub(super) fn pack(post: &LightPost) -> Option<(Self, Option<Doubled>)> {
        if !(-TIME_LIMIT..TIME_LIMIT).contains(&post.created_at.0) {
            return None;
        }
        let answers = post.in_reply_to_post_id.is_some() || post.in_reply_to_user_id.is_some();
        let reposts = post.source_post_id.is_some() || post.source_user_id.is_some();
        let mut flags = 0;
        for (flag, set) in [
            (RETWEET, post.is_retweet),
            (REPLY, post.is_reply),
            (VIDEO, post.has_video),
            (RELATED_IS_SOURCE, reposts && !answers),
            (DOUBLED, reposts && answers),
        ] {
            if set {
                flags |= flag;
            }
        }
        let (related_post, related_user) = if reposts && !answers {
            (post.source_post_id.0, post.source_user_id.0)
        } else {
            (post.in_reply_to_post_id.0, post.in_reply_to_user_id.0)
        };
        let packed = Self {
            id: post.post_id.0,
            author: post.author_id.0,
            conversation: post.conversation_id.0,
            related_post,
            related_user,
            time_and_flags: (post.created_at.0 << 16).cast_unsigned() | flags,
        };
        let doubled = (reposts && answers).then_some(Doubled { post: post.source_post_id, user: post.source_user_id });
        Some((packed, doubled))
    }

    /// The post again.
    pub(super) fn unpack(&self, doubled: Option<&Doubled>) -> LightPost {
        let mut post = LightPost {
            post_id: PostId(self.id),
            author_id: UserId(self.author),
            created_at: TimeMs(self.created_at()),
            is_retweet: self.has(RETWEET),
            is_reply: self.is_reply(),
            has_video: self.has_video(),
            conversation_id: PostId(self.conversation),
            ..LightPost::default()
        };
        if self.has(RELATED_IS_SOURCE) {
            (post.source_post_id, post.source_user_id) = (PostId(self.related_post), UserId(self.related_user));
        } else {
            post.in_reply_to_post_id = PostId(self.related_post);
            post.in_reply_to_user_id = UserId(self.related_user);
        }
        if let Some(source) = doubled {
            (post.source_post_id, post.source_user_id) = (source.post, source.user);
        }
        post
    }

    /// A slot that holds no post but the number of the next free slot.
    pub(super) fn vacant(next_free: u32) -> Self {
        Self { author: next_free.into(), ..Self::default() }
    }

    /// The next free slot, of a vacant one.
    pub(super) const fn next_free(&self) -> u32 {
        self.author as u32
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    pub(super) const fn author(&self) -> u64 {
        self.author
    }

    pub(super) const fn created_at(&self) -> i64 {
        self.time_and_flags.cast_signed() >> 16
    }

    pub(super) const fn is_reply(&self) -> bool {
        self.has(REPLY)
    }

    pub(super) const fn is_original(&self) -> bool {
        self.time_and_flags & (RETWEET | REPLY) == 0
    }

    pub(super) const fn has_video(&self) -> bool {
        self.has(VIDEO)
    }

    pub(super) const fn set_video(&mut self) {
        self.time_and_flags |= VIDEO;
    }

    pub(super) const fn is_doubled(&self) -> bool {
        self.has(DOUBLED)
    }

    /// The post it answers, 0 for none.
    pub(super) const fn in_reply_to(&self) -> u64 {
        if self.has(RELATED_IS_SOURCE) { 0 } else { self.related_post }
    }

    /// The post it reposts, where it reposts another and answers none: the reposts whose videos count.
    pub(super) const fn plain_repost_of(&self) -> Option<u64> {
        let plain = self.has(RETWEET) && !self.has(REPLY) && self.has(RELATED_IS_SOURCE);
        if plain && self.related_post != 0 && self.related_post != self.id { Some(self.related_post) } else { None }
    }

    const fn has(&self, flag: u64) -> bool {
        self.time_and_flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_post_takes_48_bytes() {
        assert_eq!(size_of::<PackedPost>(), 48);
    }

    #[test]
    fn a_time_that_does_not_fit_is_refused() {
        for time in [TIME_LIMIT, -TIME_LIMIT - 1, i64::MAX, i64::MIN] {
            assert!(PackedPost::pack(&LightPost { created_at: TimeMs(time), ..LightPost::default() }).is_none());
        }
    }

    proptest! {
        #[test]
        fn every_post_survives_packing(
            ids in prop::array::uniform7(prop_oneof![Just(0), any::<u64>()]),
            flags in prop::array::uniform3(any::<bool>()),
            time in -TIME_LIMIT..TIME_LIMIT,
        ) {
            let post = LightPost {
                post_id: PostId(ids[0]),
                author_id: UserId(ids[1]),
                created_at: TimeMs(time),
                in_reply_to_post_id: PostId(ids[2]),
                in_reply_to_user_id: UserId(ids[3]),
                is_retweet: flags[0],
                is_reply: flags[1],
                source_post_id: PostId(ids[4]),
                source_user_id: UserId(ids[5]),
                has_video: flags[2],
                conversation_id: PostId(ids[6]),
            };
            let (packed, doubled) = PackedPost::pack(&post).unwrap();
            prop_assert_eq!(packed.is_doubled(), doubled.is_some());
            prop_assert_eq!(packed.in_reply_to(), ids[2]);
            prop_assert_eq!(packed.unpack(doubled.as_ref()), post);
        }
    }
}
