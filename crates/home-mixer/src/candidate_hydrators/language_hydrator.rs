//! What language a post is in.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};

use super::{CoreDataCandidateHydrator, all_well};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Fills a post's language from its core data.
#[derive(Clone, Copy, Debug, Default)]
pub struct LanguageCandidateHydrator;

impl LanguageCandidateHydrator {
    /// The component's name.
    pub const NAME: &'static str = "LanguageCandidateHydrator";
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for LanguageCandidateHydrator {
    type Fields = Option<Arc<str>>;

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
        Ok(all_well(candidates.iter().map(|c| c.core.as_ref().and_then(|core| core.language.clone()))))
    }

    fn update(&self, candidate: &mut PostCandidate, language: Self::Fields) {
        candidate.language = language;
    }
}
