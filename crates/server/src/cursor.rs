//! Paging without server state: a cursor carries the posts of the pages before.
//!
//! Form: base64url of a version byte and the ids as 8 little-endian bytes each, newest page last. Past
//! [`MAX_IDS`] the oldest fall out (the server's own served record covers them for its window).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foryou_types::PostId;

use crate::problem::Problem;

const VERSION: u8 = 1;
/// Ids a cursor carries at most: 10 pages of 50.
pub const MAX_IDS: usize = 500;

/// Writes the cursor after a page: the ids of the pages before and of this one.
pub fn encode(before: &[PostId], page: &[PostId]) -> String {
    let all: Vec<_> = before.iter().chain(page).collect();
    let kept = &all[all.len().saturating_sub(MAX_IDS)..];
    let mut bytes = Vec::with_capacity(1 + kept.len() * 8);
    bytes.push(VERSION);
    for id in kept {
        bytes.extend(id.0.to_le_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor.
pub fn decode(text: &str) -> Result<Vec<PostId>, Problem> {
    let bad = || Problem::bad_request("cursor: not a cursor of this service; start again without one");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
    let Some((&VERSION, ids)) = bytes.split_first() else { return Err(bad()) };
    let chunks = ids.chunks_exact(8);
    if !chunks.remainder().is_empty() || chunks.len() > MAX_IDS {
        return Err(bad());
    }
    Ok(chunks.map(|c| PostId(c.iter().rev().fold(0, |id, &b| id << 8 | u64::from(b)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let (a, b) = ([PostId(1), PostId(u64::MAX)], [PostId(7)]);
        assert_eq!(decode(&encode(&a, &b)).unwrap(), [PostId(1), PostId(u64::MAX), PostId(7)]);
        assert_eq!(decode(&encode(&[], &[])).unwrap(), []);
        let many: Vec<_> = (1..=600).map(PostId).collect();
        let kept = decode(&encode(&many, &[PostId(1000)])).unwrap();
        assert_eq!((kept.len(), kept[0], kept[499]), (500, PostId(102), PostId(1000)));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "!", "AA", "AQE", "AgAAAAAAAAAA"] {
            assert_eq!(decode(text).unwrap_err().status, 400, "{text}");
        }
    }
}
