//! The example format: one pass over a viewer's window with everything that was shown on the way.
//!
//! With causal history each candidate carries its own cut-off, so one pass trains all targets of a window: about S times cheaper
//! than one example per target, and equal to it.

use std::sync::Arc;

use foryou_types::{ActionMask, TimeMs, UserId};

use crate::inputs::{CandidateItem, HistoryItem};

/// A post shown to the viewer (or sampled as a negative), and its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The post.
    pub item: CandidateItem,
    /// How many of the pass's history tokens it may see: those strictly before the impression. It stands at `cutoff + 1`.
    pub cutoff: u16,
    /// The discrete actions taken on it after the impression.
    pub labels: ActionMask,
    /// Seconds of attention, clipped at 30.
    pub dwell_seconds: f32,
    /// Weight of its loss, 1 for an impression.
    pub weight: f32,
    /// Number of the slate, unique over the data set: the candidates shown together share it.
    pub slate: u32,
    /// How often the post was shown (to anyone) in the training part of the log.
    pub training_impressions: u32,
}

/// One pass: a viewer's window of history and the candidates that see a prefix of it.
///
/// `history` is exactly what serving would show the model for the last candidate, and its first `cutoff` tokens exactly what
/// serving would show for each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// The viewer.
    pub user: UserId,
    /// The tokens, oldest first, `[n ≤ S + S/4]`.
    pub history: Arc<[HistoryItem]>,
    /// The candidates, in order of time, `[C]`.
    pub candidates: Vec<Candidate>,
    /// When the last slate was shown.
    pub at: TimeMs,
}

impl Pass {
    /// Tokens the transformer computes: user, history, candidates.
    pub fn tokens(&self) -> usize {
        1 + self.history.len() + self.candidates.len()
    }
}
