//! Whether a post is from the viewer's own network.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};

use super::{CoreDataCandidateHydrator, all_well};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Marks posts whose author the viewer follows or is; of a repost, the author is who reposted. A post without an author is
/// never in-network. Off where the graph could not be fetched: the mark stays unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct InNetworkCandidateHydrator;

impl InNetworkCandidateHydrator {
    /// The component's name.
    pub const NAME: &'static str = "InNetworkCandidateHydrator";
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for InNetworkCandidateHydrator {
    type Fields = bool;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Retrieval may not know authors; core data does.
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
        Ok(all_well(
            candidates
                .iter()
                .map(|c| c.author_id.is_some() && (c.author_id == query.user_id || query.follows(c.author_id))),
        ))
    }

    fn update(&self, candidate: &mut PostCandidate, in_network: bool) {
        candidate.in_network = Some(in_network);
    }
}
