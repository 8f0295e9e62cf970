//! Of a post and its reposts, those that must not be shown.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};

use super::VFFilter;
use crate::candidate::PostCandidate;
use crate::candidate_hydrators::twins;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;

/// Does what [`VFFilter`] does, before selection and only to candidates that have a twin.
///
/// [`RetweetDeduplicationFilter`](super::RetweetDeduplicationFilter) keeps one of a post and its reposts. It must choose among those
/// that can be shown: a repost that a label, a delete or its author's protection hides would else take the original with it.
#[derive(Clone, Copy, Debug)]
pub struct TwinVisibilityFilter(VFFilter);

impl TwinVisibilityFilter {
    /// A filter with the service's policy.
    pub const fn new(params: &MixerParams) -> Self {
        Self(VFFilter::new(params))
    }
}

impl Filter<ScoredPostsQuery, PostCandidate> for TwinVisibilityFilter {
    fn name(&self) -> &'static str {
        "TwinVisibilityFilter"
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        for i in twins(candidates) {
            self.0.judge(query, &candidates[i], i, keep);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::seams::FilteredReason;

    use super::*;
    use crate::filters::testing::{kept, post, query, repost};

    #[test]
    fn only_twins_are_judged() {
        let hidden = |candidate| PostCandidate { visibility_reason: Some(FilteredReason::Deleted), ..candidate };
        let unknown = |candidate, in_network| PostCandidate {
            visibility_checked: false,
            in_network: Some(in_network),
            ..candidate
        };
        let posts = [
            hidden(repost(1, 9, 90)),
            post(9),
            hidden(post(2)),
            unknown(post(3), false),
            unknown(post(8), false),
            unknown(repost(4, 8, 80), true),
        ];
        assert_eq!(kept(&TwinVisibilityFilter::new(&MixerParams::default()), &query(), &posts), [9, 2, 3, 4]);
    }
}
