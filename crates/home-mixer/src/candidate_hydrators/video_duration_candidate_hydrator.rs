//! How long a post's video is.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};

use super::{CoreDataCandidateHydrator, all_well};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Fills the length of a post's video from its core data.
#[derive(Clone, Copy, Debug, Default)]
pub struct VideoDurationCandidateHydrator;

impl VideoDurationCandidateHydrator {
    /// The component's name.
    pub const NAME: &'static str = "VideoDurationCandidateHydrator";
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for VideoDurationCandidateHydrator {
    type Fields = Option<i32>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn needs(&self) -> &'static [&'static str] {
        &[CoreDataCandidateHydrator::NAME]
    }

    async fn hydrate(
        &self,
        _: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        Ok(all_well(candidates.iter().map(|c| c.core.as_ref().and_then(|core| core.video_duration_ms))))
    }

    fn update(&self, candidate: &mut PostCandidate, duration: Self::Fields) {
        candidate.video_duration_ms = duration;
    }
}
