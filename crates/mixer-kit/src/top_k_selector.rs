//! The best K by score.

use candidate_pipeline::Selector;

use crate::ranked::{FeedQuery, Ranked};
use crate::ties::tie_break;

/// Selects the K items of the highest final score, for an answer of as many as the caller wants. Of equal items the newest come
/// first; those of one moment in an order of the viewer's own, never in that of their ids.
///
/// K is more than an answer needs, so that the post-selection filters rarely leave too few; a caller who wants more than K
/// raises it. An item without score goes to the end.
#[derive(Clone, Copy, Debug)]
pub struct TopKSelector {
    name: &'static str,
    selection_size: usize,
}

impl TopKSelector {
    /// A selector of this name and K.
    pub const fn new(name: &'static str, selection_size: usize) -> Self {
        Self { name, selection_size }
    }
}

impl<Q: FeedQuery, C: Ranked> Selector<Q, C> for TopKSelector {
    fn name(&self) -> &'static str {
        self.name
    }

    fn score(&self, candidate: &C) -> f64 {
        Ranked::score(candidate).unwrap_or(f64::NEG_INFINITY)
    }

    fn id(&self, candidate: &C) -> u64 {
        candidate.item_id().0
    }

    fn tie_break(&self, query: &Q, candidate: &C) -> u128 {
        tie_break(candidate, query.viewer())
    }

    fn size(&self, query: &Q) -> usize {
        self.selection_size.max(query.limit())
    }

    fn result_size(&self, query: &Q) -> usize {
        query.limit()
    }
}
