//! Impressions as bloom filters, as the client sends them.

use serde::{Deserialize, Serialize};

/// A set of post ids that may say yes wrongly and never no.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpressionBloomFilterEntry {
    /// The bits, least significant bit of the first byte first.
    pub bits: Vec<u8>,
    /// Hash functions.
    pub num_hashes: u32,
    /// Seed of the hash functions.
    pub seed: u64,
    /// Ids put in.
    pub count: u64,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
}
