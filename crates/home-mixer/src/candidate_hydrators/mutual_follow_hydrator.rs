//! Whether viewer and author follow each other.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};

use super::{CoreDataCandidateHydrator, all_well, distinct};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;
use foryou_types::seams::SocialGraph;

/// Marks posts of authors whom the viewer follows and who follow back. Only followed authors are asked about, each once. Off
/// where the graph could not be fetched.
pub struct MutualFollowHydrator {
    social_graph: Arc<dyn SocialGraph>,
}

impl MutualFollowHydrator {
    /// The component's name.
    pub const NAME: &'static str = "MutualFollowHydrator";

    /// From this service.
    pub fn new(social_graph: Arc<dyn SocialGraph>) -> Self {
        Self { social_graph }
    }
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for MutualFollowHydrator {
    type Fields = bool;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn needs(&self) -> &'static [&'static str] {
        &[CoreDataCandidateHydrator::NAME]
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        query.user_features.is_some()
    }

    async fn hydrate(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        let followed = candidates.iter().map(|c| c.author_id).filter(|&author| query.follows(author));
        let (authors, place) = distinct(followed);
        if authors.is_empty() {
            return Ok(all_well(candidates.iter().map(|_| false)));
        }
        let back = self.social_graph.follow_back(query.user_id, &authors).await;
        let back = mixer_kit::one_each(back, authors.len())?;
        Ok(all_well(candidates.iter().map(|c| place.get(&c.author_id).is_some_and(|&i| back[i]))))
    }

    fn update(&self, candidate: &mut PostCandidate, mutual: bool) {
        candidate.mutual_follow = Some(mutual);
    }
}
