//! The limits of requests and answers: the numbers that the code enforces and the schema states.
//!
//! The limits of events are in [`event_log::limits`]. Lengths of strings are counted in characters, as JSON Schema does.

use event_log::limits;
use mixer_kit::ImpressionBloomFilterEntry;

use crate::problem::Problem;

/// Most events in one request.
pub const EVENTS: usize = 10_000;
/// Most bytes in a request body.
pub const BODY_BYTES: usize = 16 << 20;
/// Most posts that a client may list as seen, or as served: more than a person looks at in a day.
pub const LISTED_POSTS: usize = 10_000;
/// Most topics in a request.
pub const TOPICS: usize = limits::TOPICS;
/// Most bloom filters in a request. Each is asked about some 2,000 candidates.
pub const BLOOM_FILTERS: usize = 32;
/// Most bytes in a bloom filter: 64 KiB hold 54,000 posts at 1 % false positives.
pub const BLOOM_BYTES: usize = 64 << 10;
/// Most hash functions of a bloom filter.
pub const BLOOM_HASHES: u32 = ImpressionBloomFilterEntry::MAX_HASHES;
/// Most posts in a feed.
pub const FEED: usize = home_mixer::params::MAX_RESULT_SIZE;
/// Most bytes of a post's text in an answer; a longer text is cut. A feed of 200 posts stays below the 4 MiB that gRPC
/// clients take unless told otherwise.
pub const ANSWER_TEXT_BYTES: usize = 12 << 10;
/// Most bytes of an account's name in an answer; a longer one (stored before names had a limit) is cut.
pub const ANSWER_NAME_BYTES: usize = 4 * limits::SCREEN_NAME;
/// Most bytes of the reasons in a gRPC answer to a batch of events: see [`ANSWER_TEXT_BYTES`].
pub const ANSWER_REASONS_BYTES: usize = 3 << 20;

/// Refuses a string of more than `most` characters.
pub(crate) fn text(field: &str, value: &str, most: usize) -> Result<(), Problem> {
    limits::too_long(value, most).map_or(Ok(()), |problem| Err(Problem::field(field, problem)))
}

/// Refuses a list of more than `most` entries.
pub(crate) fn list<T>(field: &str, entries: &[T], most: usize) -> Result<(), Problem> {
    limits::too_many(entries.len(), most).map_or(Ok(()), |problem| Err(Problem::field(field, problem)))
}

/// Refuses a request id that is too long, or that cannot be put into a header or a log line.
pub(crate) fn check_request_id(field: &str, id: &str) -> Result<(), Problem> {
    text(field, id, event_log::limits::REQUEST_ID)?;
    if id.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Problem::field(field, "must consist of visible ASCII characters"))
}
