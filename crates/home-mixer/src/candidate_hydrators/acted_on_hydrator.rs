//! Which candidates the viewer acted on.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};
use foryou_types::PostId;
use foryou_types::seams::Strato;
use mixer_kit::Ranked;

use super::{CoreDataCandidateHydrator, all_well, distinct};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Asks which of the candidates the viewer acted on, so that nobody's past is ever read as a whole. Off where the profile does
/// not count such posts as seen: nobody else reads the answer.
///
/// When it fails, posts that the viewer acted on may be shown, and the feed is flagged.
pub struct ActedOnHydrator {
    strato: Arc<dyn Strato>,
}

impl ActedOnHydrator {
    /// The component's name.
    pub const NAME: &'static str = "ActedOnHydrator";

    /// From this service.
    pub fn new(strato: Arc<dyn Strato>) -> Self {
        Self { strato }
    }
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for ActedOnHydrator {
    type Fields = Option<PostId>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Core data says what a candidate reposts and answers.
    fn needs(&self) -> &'static [&'static str] {
        &[CoreDataCandidateHydrator::NAME]
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        query.profile.acted_is_seen
    }

    async fn hydrate(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        let (posts, place) = distinct(candidates.iter().flat_map(Ranked::known_ids));
        let acted = mixer_kit::one_each(self.strato.acted_on(query.user_id, &posts).await, posts.len())?;
        let acted_on = |post: &PostId| place.get(post).is_some_and(|&i| acted[i]);
        Ok(all_well(candidates.iter().map(|candidate| candidate.known_ids().find(acted_on))))
    }

    fn update(&self, candidate: &mut PostCandidate, acted_on: Option<PostId>) {
        candidate.acted_on = acted_on;
    }
}
