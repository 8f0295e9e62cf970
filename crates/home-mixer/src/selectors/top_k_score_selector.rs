//! The best K by score.

use candidate_pipeline::Selector;

use crate::candidate::PostCandidate;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;
use crate::ties::tie_break;

/// Selects the K posts of the highest final score, for an answer of as many as the caller wants. Of equal posts the newest come first;
/// those of one moment in an order of the viewer's own, never in that of their ids.
///
/// K is more than an answer needs, so that the post-selection filters rarely leave too few; a caller who wants more than K
/// raises it. A post without score goes to the end.
#[derive(Clone, Copy, Debug)]
pub struct TopKScoreSelector {
    selection_size: usize,
}

impl TopKScoreSelector {
    /// A selector with the service's K.
    pub const fn new(params: &MixerParams) -> Self {
        Self { selection_size: params.selection_size }
    }
}

impl Selector<ScoredPostsQuery, PostCandidate> for TopKScoreSelector {
    fn name(&self) -> &'static str {
        "TopKScoreSelector"
    }

    fn score(&self, candidate: &PostCandidate) -> f64 {
        candidate.score.unwrap_or(f64::NEG_INFINITY)
    }

    fn id(&self, candidate: &PostCandidate) -> u64 {
        candidate.tweet_id.0
    }

    fn tie_break(&self, query: &ScoredPostsQuery, candidate: &PostCandidate) -> u128 {
        tie_break(candidate, query.user_id)
    }

    fn size(&self, query: &ScoredPostsQuery) -> usize {
        self.selection_size.max(query.limit)
    }

    fn result_size(&self, query: &ScoredPostsQuery) -> usize {
        query.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::{post, query};

    #[test]
    fn sizes_follow_the_caller() {
        let selector = TopKScoreSelector::new(&MixerParams::default());
        let sizes = [1, 35, 50, 200].map(|limit| {
            let query = ScoredPostsQuery { limit, ..query() };
            (selector.size(&query), selector.result_size(&query))
        });
        assert_eq!(sizes, [(50, 1), (50, 35), (50, 50), (200, 200)]);
    }

    #[test]
    fn the_final_score_decides_and_none_sinks() {
        let selector = TopKScoreSelector::new(&MixerParams::default());
        let scored = PostCandidate { score: Some(0.5), weighted_score: Some(9.0), ..post(u64::MAX) };
        assert_eq!((selector.score(&scored), selector.id(&scored)), (0.5, u64::MAX));
        assert!(!selector.score(&post(1)).is_finite());
    }
}
