//! A user's engagement history as tokens.

use serde::{Deserialize, Serialize};

use crate::{ActionMask, PostId, Surface, TimeMs, UserId};

/// One token of a user's history: what the user did with one post in one go.
///
/// Consecutive actions on one post within [`UserActionSequence::MERGE_WINDOW_MS`] are one token whose time is its last action.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionToken {
    /// The post acted on; for a repost, the post that was shown.
    pub post_id: PostId,
    /// Its author, none where the set has no authors or the post was unknown.
    pub author_id: UserId,
    /// The discrete actions taken. Empty: the post was looked at (dwell) and nothing else.
    pub actions: ActionMask,
    /// Milliseconds of attention, summed over the token.
    pub dwell_ms: u32,
    /// Where it happened.
    pub surface: Surface,
    /// Time of the token's last action.
    pub at: TimeMs,
}

/// A user's newest tokens and how many there ever were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserActionSequence {
    /// Tokens ever, merged ones counted once.
    pub total: u64,
    /// The newest tokens kept, oldest first, at most [`Self::KEPT`].
    pub tokens: Vec<ActionToken>,
}

impl UserActionSequence {
    /// How many tokens the state store keeps of a user.
    pub const KEPT: usize = 1_024;
    /// Consecutive actions on one post within this many milliseconds are one token.
    pub const MERGE_WINDOW_MS: i64 = 300_000;

    /// Whether the user never did anything.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
