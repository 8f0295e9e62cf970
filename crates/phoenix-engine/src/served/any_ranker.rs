//! Rankers of all families as one type.

use foryou_types::{ActionSet, UserId};
use phoenix::{CandidateItem, HistoryItem};

use super::context_cache::ContextCache;
use super::ranker::ServedRanker;

/// A ranker of any family, with what it keeps for its viewers.
pub struct AnyRanker(Box<dyn Rank>);

impl AnyRanker {
    /// A ranker that keeps contexts, with the scores computed under them, in up to `cache_mb` megabytes (10^6 bytes); with 0 every
    /// history is encoded from the start and every candidate computed.
    pub fn new<R: ServedRanker>(ranker: R, cache_mb: u64) -> Self {
        let contexts = ContextCache::new(ranker.context_bytes(), cache_mb);
        Self(Box::new(Cached { ranker, contexts }))
    }

    /// As [`ServedRanker::action_set`].
    pub fn action_set(&self) -> &ActionSet {
        self.0.action_set()
    }

    /// As [`ServedRanker::history_len`].
    pub fn history_len(&self) -> usize {
        self.0.history_len()
    }

    /// What the heads say of every candidate, `[C][A]`, see [`ServedRanker::heads`]. The history is oldest first.
    pub fn heads(&self, user: UserId, history: &[HistoryItem], candidates: &[CandidateItem]) -> Vec<Box<[f64]>> {
        self.0.heads(user, history, candidates)
    }
}

/// What a ranker answers, whatever its contexts are.
trait Rank: Send + Sync {
    fn action_set(&self) -> &ActionSet;
    fn history_len(&self) -> usize;
    fn heads(&self, user: UserId, history: &[HistoryItem], candidates: &[CandidateItem]) -> Vec<Box<[f64]>>;
}

struct Cached<R: ServedRanker> {
    ranker: R,
    contexts: ContextCache<R::Context>,
}

impl<R: ServedRanker> Rank for Cached<R> {
    fn action_set(&self) -> &ActionSet {
        self.ranker.action_set()
    }

    fn history_len(&self) -> usize {
        self.ranker.history_len()
    }

    fn heads(&self, user: UserId, history: &[HistoryItem], candidates: &[CandidateItem]) -> Vec<Box<[f64]>> {
        let (mut logits, actions) = (Vec::new(), self.action_set().len());
        self.contexts.score(&self.ranker, user, history, candidates, &mut logits);
        logits.chunks_exact(actions.max(1)).map(|logits| self.ranker.heads(logits)).collect()
    }
}
