//! The limits of a For You request and of its answer.

use event_log::limits;
use mixer_kit::ImpressionBloomFilterEntry;

/// Most posts that a client may list as seen, or as served: more than a person looks at in a day.
pub(crate) const LISTED_POSTS: usize = 10_000;
/// Most topics in a request.
pub(crate) const TOPICS: usize = limits::TOPICS;
/// Most bloom filters in a request. Each is asked about some 2,000 candidates.
pub(crate) const BLOOM_FILTERS: usize = 32;
/// Most bytes in a bloom filter: 64 KiB hold 54,000 posts at 1 % false positives.
pub(crate) const BLOOM_BYTES: usize = 64 << 10;
/// Most hash functions of a bloom filter.
pub(crate) const BLOOM_HASHES: u32 = ImpressionBloomFilterEntry::MAX_HASHES;
/// Most bytes of a post's text in an answer; a longer text is cut. A feed of 200 posts stays below the 4 MiB that gRPC
/// clients take unless told otherwise.
pub(crate) const ANSWER_TEXT_BYTES: usize = 12 << 10;
/// Most bytes of an account's name in an answer; a longer one (stored before names had a limit) is cut.
pub(crate) const ANSWER_NAME_BYTES: usize = 4 * limits::SCREEN_NAME;
