//! Whether a post is for subscribers only.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};
use foryou_types::UserId;

use super::{CoreDataCandidateHydrator, all_well};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Fills whose subscribers a post is for, from its core data. Of a post without core data nothing is known, and
/// `subscription_checked` stays false: the subscription filter fails closed on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscriptionHydrator;

impl SubscriptionHydrator {
    /// The component's name.
    pub const NAME: &'static str = "SubscriptionHydrator";
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for SubscriptionHydrator {
    /// `None`: unknown. `Some(None)`: for everyone.
    type Fields = Option<Option<UserId>>;

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
        Ok(all_well(candidates.iter().map(|c| c.core.as_ref().map(|core| core.subscription_author))))
    }

    fn update(&self, candidate: &mut PostCandidate, author: Self::Fields) {
        if let Some(author) = author {
            candidate.subscription_author_id = author;
            candidate.subscription_checked = true;
        }
    }
}
