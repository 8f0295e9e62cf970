//! Paging without server state: a cursor carries the posts of the pages before.
//!
//! Form: base64url of a version byte and the ids as 8 little-endian bytes each, newest page last. Past [`MAX_IDS`] there are no
//! more pages: a cursor that dropped ids would bring their posts back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foryou_types::PostId;

use crate::problem::Problem;

const VERSION: u8 = 1;
/// Ids a cursor carries at most: more than the candidates of a request (1,200 + 1,000), at 27 KB a length that fits a URL here.
pub const MAX_IDS: usize = 2_500;

/// Writes the cursor after a page: the ids of the pages before and of this one. `None` after the last page.
pub fn encode(before: &[PostId], page: &[PostId]) -> Option<String> {
    if page.is_empty() || before.len() + page.len() > MAX_IDS {
        return None;
    }
    let mut bytes = Vec::with_capacity(1 + (before.len() + page.len()) * 8);
    bytes.push(VERSION);
    for id in before.iter().chain(page) {
        bytes.extend(id.0.to_le_bytes());
    }
    Some(URL_SAFE_NO_PAD.encode(bytes))
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
        assert_eq!(decode(&encode(&a, &b).unwrap()).unwrap(), [PostId(1), PostId(u64::MAX), PostId(7)]);
        assert_eq!(encode(&a, &[]), None);
        let many: Vec<_> = (1..MAX_IDS as u64).map(PostId).collect();
        assert_eq!(decode(&encode(&many, &b).unwrap()).unwrap().len(), MAX_IDS);
        assert_eq!(encode(&many, &a), None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "!", "AA", "AQE", "AgAAAAAAAAAA"] {
            assert_eq!(decode(text).unwrap_err().status, 400, "{text}");
        }
    }
}
