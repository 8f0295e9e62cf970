//! Which of a post and its reposts may be shown, before one of them is chosen.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};
use foryou_types::PostId;
use foryou_types::seams::{Visibility, VisibilityFiltering};
use mixer_kit::Ranked;
use rustc_hash::FxHashMap;

use super::vf_candidate_hydrator::{self, verdicts};
use super::{CoreDataCandidateHydrator, all_well};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Fetches the visibility verdict of the candidates that have a twin: another candidate that is the same original or reposts it.
///
/// Verdicts are else fetched only for what was selected. Of twins only one is, so one that must not be shown would take the others
/// with it. Few posts have twins; the others are not asked about here.
pub struct TwinVisibilityHydrator {
    visibility: Arc<dyn VisibilityFiltering>,
}

impl TwinVisibilityHydrator {
    /// The component's name.
    pub const NAME: &'static str = "TwinVisibilityHydrator";

    /// From this service.
    pub fn new(visibility: Arc<dyn VisibilityFiltering>) -> Self {
        Self { visibility }
    }
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for TwinVisibilityHydrator {
    /// `None` for a candidate without a twin.
    type Fields = Option<Visibility>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn needs(&self) -> &'static [&'static str] {
        &[CoreDataCandidateHydrator::NAME]
    }

    async fn hydrate(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        let twins = twins(candidates);
        if twins.is_empty() {
            return Ok(all_well(candidates.iter().map(|_| None)));
        }
        let asked: Vec<&PostCandidate> = twins.iter().map(|&i| &candidates[i]).collect();
        let verdicts = verdicts(&*self.visibility, query, &asked).await?;
        let mut fields = all_well(candidates.iter().map(|_| None));
        for (i, verdict) in twins.into_iter().zip(verdicts) {
            fields[i] = Ok(Some(verdict));
        }
        Ok(fields)
    }

    fn update(&self, candidate: &mut PostCandidate, verdict: Option<Visibility>) {
        if let Some(verdict) = verdict {
            vf_candidate_hydrator::set(candidate, verdict);
        }
    }
}

/// The candidates that share their original with another candidate. A post that two sources gave is not its own twin.
pub(crate) fn twins(candidates: &[PostCandidate]) -> Vec<usize> {
    // Per original the first post met that shows it; none once there is another one.
    let mut alone: FxHashMap<PostId, Option<PostId>> = FxHashMap::default();
    alone.reserve(candidates.len());
    for candidate in candidates {
        let first = alone.entry(candidate.original_id()).or_insert(Some(candidate.tweet_id));
        if *first != Some(candidate.tweet_id) {
            *first = None;
        }
    }
    let has_twin = |candidate: &PostCandidate| alone.get(&candidate.original_id()) == Some(&None);
    (0..candidates.len()).filter(|&i| has_twin(&candidates[i])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::{post, repost};

    #[test]
    fn twins_share_an_original_and_differ_in_id() {
        let candidates =
            [post(1), repost(2, 9, 90), post(9), post(1), repost(3, 8, 80), repost(4, 9, 90), repost(3, 8, 80)];
        assert_eq!(twins(&candidates), [1, 2, 5]);
    }
}
