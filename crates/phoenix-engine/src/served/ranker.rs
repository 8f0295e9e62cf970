//! What serving asks of a ranker.

use foryou_types::{ActionKind, ActionSet, UserId};
use phoenix::{CandidateItem, HistoryItem};

/// What a viewer's history leaves in a ranker, kept between requests.
pub trait ServedContext: Send + Sync + 'static {
    /// The tokens it was made from, oldest first.
    fn history(&self) -> &[HistoryItem];

    /// How many tokens, the viewer's own included, were taken over from the context it was extended from; 0 for a fresh one.
    fn reused(&self) -> usize;

    /// Memory it takes, in bytes, without the content words that its items share with others.
    fn bytes(&self) -> usize;
}

/// A model that says how likely each action is on each candidate.
///
/// A request calls [`Self::encode`] or, where a context of the viewer is cached, [`Self::extend`], and then [`Self::score`]. All three
/// are called from many threads at a time. They only compute: no input may fail, and no logit may depend on the other candidates.
pub trait ServedRanker: Send + Sync + 'static {
    /// What a viewer's history leaves in the model. A family without anything to keep has a context that only knows its history.
    type Context: ServedContext;

    /// What the logits of a candidate stand for, in their order.
    fn action_set(&self) -> &ActionSet;

    /// Length S of the history: it is shown the window of [`foryou_types::UserActionSequence::windowed`].
    fn history_len(&self) -> usize;

    /// About how many bytes the context of a full history takes. A cache is laid out by it.
    fn context_bytes(&self) -> usize;

    /// Runs a viewer's history, oldest first, through the model. [`UserId::NONE`] is a stranger.
    fn encode(&self, user: UserId, history: &[HistoryItem]) -> Self::Context;

    /// The context of the same viewer with another history, bit-equal to [`Self::encode`] of it. What both histories begin with may be
    /// taken over.
    fn extend(&self, context: &Self::Context, history: &[HistoryItem]) -> Self::Context;

    /// Logits of every action for every candidate, `[C, A]` row-major, into `logits` (whatever it held before).
    fn score(&self, context: &Self::Context, candidates: &[CandidateItem], logits: &mut Vec<f32>);

    /// Whether a candidate's logits are the same at every place of the list: only then may they be kept for the next request.
    fn is_place_free(&self) -> bool {
        true
    }

    /// What the heads say for one candidate's logits `[A]`: a probability for a discrete action, seconds for a continuous one.
    fn heads(&self, logits: &[f32]) -> Box<[f64]> {
        self.action_set().actions.iter().zip(logits).map(|(action, &z)| head(action.kind, z)).collect()
    }
}

/// `sigmoid` for a discrete head, `exp` clipped at [`ActionSet::DWELL_CLIP_SECONDS`] for a continuous one.
fn head(kind: ActionKind, logit: f32) -> f64 {
    let z = f64::from(logit);
    match kind {
        ActionKind::Discrete => 1.0 / (1.0 + (-z).exp()),
        ActionKind::Continuous => z.exp().min(ActionSet::DWELL_CLIP_SECONDS),
    }
}
