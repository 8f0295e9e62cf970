//! Paging without server state: a sealed cursor carries the posts of all earlier pages.
//!
//! Form: base64url of a version byte, the seal, and the ids as 8 little-endian bytes each, newest page last. The seal is
//! HMAC-SHA-256 (its first 16 bytes) by the folder's key over the ids and what the feed is of: a cursor that was changed, or
//! belongs to another viewer, another kind of feed or another folder, is refused. Past [`MAX_IDS`] there are no more pages: a
//! cursor that dropped ids would bring their posts back.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foryou_types::{PostId, UserId};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::problem::Problem;

const VERSION: u8 = 2;
const SEAL_BYTES: usize = 16;
/// Most ids in a cursor: more than the candidates of a request (1,200 + 1,000).
pub(crate) const MAX_IDS: usize = 2_500;
/// Most characters in a cursor: 27 KB, which still fits into a URL here.
pub(crate) const MAX_CHARACTERS: usize = (1 + SEAL_BYTES + MAX_IDS * 8) * 4 / 3 + 1;

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

/// What the pages of a feed have in common, as the bytes that are sealed. The number of items of a page and the moment may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Vec<u8>);

impl Scope {
    /// The scope of a feed of this name: its viewer, and what else tells one list of its items from another.
    pub fn of(feed: &str, viewer: UserId, wishes: &[u8]) -> Self {
        // No feed of posts begins so: its first byte is a surface.
        let head =
            [&[u8::MAX], &(feed.len() as u64).to_le_bytes()[..], feed.as_bytes(), &viewer.0.to_le_bytes()].concat();
        Self([&head, wishes].concat())
    }

    /// A scope of these bytes.
    pub const fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    fn seal(&self, key: &CursorKey, ids: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).ok()?;
        mac.update(&[VERSION]);
        mac.update(&self.0);
        mac.update(ids);
        Some(mac)
    }
}

/// Writes the cursor after a page: the ids of the pages before and of this one. `None` after the last page.
pub(crate) fn encode(key: &CursorKey, scope: &Scope, before: &[PostId], page: &[PostId]) -> Option<String> {
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
pub(crate) fn decode(key: &CursorKey, scope: &Scope, text: &str) -> Result<Vec<PostId>, Problem> {
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
    use proptest::prelude::*;

    use super::*;

    const KEY: CursorKey = CursorKey([7; 32]);

    fn scope(viewer: u64) -> Scope {
        Scope::of("shop", UserId(viewer), b"shoes")
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
        for other in [
            scope(2),
            Scope::of("shop", UserId(1), b"shirts"),
            Scope::of("shops", UserId(1), b"hoes"),
            Scope::of("films", UserId(1), b"shoes"),
        ] {
            let problem = decode(&KEY, &other, &cursor).unwrap_err();
            assert_eq!((problem.status, problem.detail.starts_with("cursor: ")), (400, true), "{other:?}");
        }
        assert_eq!(decode(&CursorKey([8; 32]), &scope(1), &cursor).unwrap_err().status, 400);
        for text in ["", "!", "AA", "AQE", "AgAAAAAAAAAA", &"A".repeat(MAX_CHARACTERS + 1)] {
            assert_eq!(decode(&KEY, &scope(1), text).unwrap_err().status, 400, "{text:.20}");
        }
    }

    #[test]
    fn a_cursor_that_was_written_before_still_opens() {
        const WRITTEN: &str = "AgFdIX3sxt4Q5kpjIgIxotQBAAAAAAAAAP__________";
        let posts = [
            &[1, 0, 1, 0][..],
            &42_u64.to_le_bytes(),
            &2_u64.to_le_bytes(),
            &3_u32.to_le_bytes(),
            &5_u32.to_le_bytes(),
        ];
        let scope = Scope::of_bytes(posts.concat());
        assert_eq!(decode(&KEY, &scope, WRITTEN).unwrap(), [PostId(1), PostId(u64::MAX)]);
        assert_eq!(encode(&KEY, &scope, &[PostId(1)], &[PostId(u64::MAX)]).as_deref(), Some(WRITTEN));
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
        fn pages_follow_each_other(pages in prop::collection::vec(prop::collection::vec(any::<u64>(), 1..30), 1..6)) {
            let mut earlier = Vec::new();
            for page in pages {
                let page: Vec<_> = page.into_iter().map(PostId).collect();
                let cursor = encode(&KEY, &scope(1), &earlier, &page).unwrap();
                earlier.extend(page);
                prop_assert_eq!(&decode(&KEY, &scope(1), &cursor).unwrap(), &earlier);
            }
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in "\\PC{0,80}") {
            prop_assert!(decode(&KEY, &scope(1), &text).is_err());
        }
    }
}
