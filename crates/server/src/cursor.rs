//! Paging without server state: a sealed cursor carries the posts of all earlier pages.
//!
//! Form: base64url of a version byte, the seal, and the ids as 8 little-endian bytes each, newest page last. The seal is
//! HMAC-SHA-256 (its first 16 bytes) by the folder's key over the ids and what the feed is of: a cursor that was changed, or
//! belongs to another viewer, another kind of feed or another folder, is refused. Past [`MAX_IDS`] there are no more pages: a
//! cursor that dropped ids would bring their posts back.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foryou_types::{PostId, Surface, UserId};
use hmac::{Hmac, Mac};
use home_mixer::query::ScoredPostsQuery;
use sha2::Sha256;

use crate::problem::Problem;

const VERSION: u8 = 2;
const SEAL_BYTES: usize = 16;
/// Most ids in a cursor: more than the candidates of a request (1,200 + 1,000).
pub const MAX_IDS: usize = 2_500;
/// Most characters in a cursor: 27 KB, which still fits into a URL here.
pub const MAX_CHARACTERS: usize = (1 + SEAL_BYTES + MAX_IDS * 8) * 4 / 3 + 1;

/// The key that a folder seals its cursors with.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(..)")
    }
}

impl CursorKey {
    /// A key of these bytes, which must be random.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// What the pages of a feed have in common. The number of posts of a page and the moment may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    viewer: UserId,
    surface: Surface,
    in_network_only: bool,
    exclude_videos: bool,
    video_only: bool,
    topic_ids: Vec<u32>,
}

impl Scope {
    /// The scope of a query.
    pub fn of(query: &ScoredPostsQuery) -> Self {
        let mut topic_ids = query.topic_ids.clone();
        topic_ids.sort_unstable();
        topic_ids.dedup();
        Self {
            viewer: query.user_id,
            surface: query.surface,
            in_network_only: query.in_network_only,
            exclude_videos: query.exclude_videos,
            video_only: query.video_only,
            topic_ids,
        }
    }

    fn seal(&self, key: &CursorKey, ids: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).ok()?;
        mac.update(&[VERSION, self.surface as u8]);
        mac.update(&[self.in_network_only, self.exclude_videos, self.video_only].map(u8::from));
        mac.update(&self.viewer.0.to_le_bytes());
        mac.update(&(self.topic_ids.len() as u64).to_le_bytes());
        for topic in &self.topic_ids {
            mac.update(&topic.to_le_bytes());
        }
        mac.update(ids);
        Some(mac)
    }
}

/// Writes the cursor after a page: the ids of the pages before and of this one. `None` after the last page.
pub fn encode(key: &CursorKey, scope: &Scope, before: &[PostId], page: &[PostId]) -> Option<String> {
    if page.is_empty() || before.len() + page.len() > MAX_IDS {
        return None;
    }
    let ids: Vec<u8> = before.iter().chain(page).flat_map(|id| id.0.to_le_bytes()).collect();
    let seal = scope.seal(key, &ids)?.finalize().into_bytes();
    let mut bytes = Vec::with_capacity(1 + SEAL_BYTES + ids.len());
    bytes.push(VERSION);
    bytes.extend(&seal[..SEAL_BYTES]);
    bytes.extend(ids);
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads a cursor that was written for this scope.
pub fn decode(key: &CursorKey, scope: &Scope, text: &str) -> Result<Vec<PostId>, Problem> {
    let refused = || {
        let problem =
            "was not made for this viewer and this kind of feed, or was changed: start again without a cursor";
        Problem::field("cursor", problem)
    };
    if text.len() > MAX_CHARACTERS {
        return Err(refused());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
    let Some((&VERSION, sealed)) = bytes.split_first() else { return Err(refused()) };
    let (seal, ids) = sealed.split_at_checked(SEAL_BYTES).ok_or_else(refused)?;
    let mac = scope.seal(key, ids).ok_or_else(refused)?;
    mac.verify_truncated_left(seal).map_err(|_| refused())?;
    let (ids, rest) = ids.as_chunks::<8>();
    if !rest.is_empty() || ids.len() > MAX_IDS {
        return Err(refused());
    }
    Ok(ids.iter().map(|id| PostId(u64::from_le_bytes(*id))).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use foryou_types::{Profile, TimeMs};
    use proptest::prelude::*;

    use super::*;

    const KEY: CursorKey = CursorKey([7; 32]);

    fn query(viewer: u64) -> ScoredPostsQuery {
        ScoredPostsQuery::new(UserId(viewer), TimeMs(1), Arc::new(Profile::live()), String::new())
    }

    fn scope(viewer: u64) -> Scope {
        Scope::of(&query(viewer))
    }

    #[test]
    fn a_cursor_comes_back() {
        let (a, b) = ([PostId(1), PostId(u64::MAX)], [PostId(7)]);
        let cursor = encode(&KEY, &scope(1), &a, &b).unwrap();
        assert_eq!(decode(&KEY, &scope(1), &cursor).unwrap(), [PostId(1), PostId(u64::MAX), PostId(7)]);
        assert_eq!(encode(&KEY, &scope(1), &a, &[]), None);
        let many: Vec<_> = (1..MAX_IDS as u64).map(PostId).collect();
        let longest = encode(&KEY, &scope(1), &many, &b).unwrap();
        assert_eq!(longest.len(), MAX_CHARACTERS);
        assert_eq!(decode(&KEY, &scope(1), &longest).unwrap().len(), MAX_IDS);
        assert_eq!(encode(&KEY, &scope(1), &many, &a), None);
    }

    #[test]
    fn a_cursor_of_something_else_is_refused() {
        let cursor = encode(&KEY, &scope(1), &[], &[PostId(7)]).unwrap();
        let more = ScoredPostsQuery { limit: 7, now: TimeMs(9), seen_ids: vec![PostId(3)], ..query(1) };
        assert!(decode(&KEY, &Scope::of(&more), &cursor).is_ok());
        for other in [
            query(2),
            ScoredPostsQuery { in_network_only: true, ..query(1) },
            ScoredPostsQuery { exclude_videos: true, ..query(1) },
            ScoredPostsQuery { video_only: true, ..query(1) },
            ScoredPostsQuery { surface: Surface::Video, ..query(1) },
            ScoredPostsQuery { topic_ids: vec![1], ..query(1) },
        ] {
            let problem = decode(&KEY, &Scope::of(&other), &cursor).unwrap_err();
            assert_eq!((problem.status, problem.detail.starts_with("cursor: ")), (400, true), "{other:?}");
        }
        assert_eq!(decode(&CursorKey([8; 32]), &scope(1), &cursor).unwrap_err().status, 400);
        for text in ["", "!", "AA", "AQE", "AgAAAAAAAAAA", &"A".repeat(MAX_CHARACTERS + 1)] {
            assert_eq!(decode(&KEY, &scope(1), text).unwrap_err().status, 400, "{text:.20}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_cursor_is_refused(ids in prop::collection::vec(any::<u64>(), 1..20), at in any::<prop::sample::Index>(), bit in 0..7u32) {
            let ids: Vec<_> = ids.into_iter().map(PostId).collect();
            let cursor = encode(&KEY, &scope(1), &[], &ids).unwrap();
            prop_assert_eq!(decode(&KEY, &scope(1), &cursor).unwrap(), ids);
            let mut bytes = cursor.clone().into_bytes();
            let place = at.index(bytes.len());
            bytes[place] ^= 1 << bit;
            if let Ok(flipped) = String::from_utf8(bytes) {
                prop_assert!(decode(&KEY, &scope(1), &flipped).is_err());
            }
            prop_assert!(decode(&KEY, &scope(1), &cursor[..place]).is_err());
            let longer = cursor.clone() + "AAAAAAAAAAA";
            prop_assert!(decode(&KEY, &scope(1), &longer).is_err());
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in "\\PC{0,80}") {
            prop_assert!(decode(&KEY, &scope(1), &text).is_err());
        }
    }
}
