//! Posts that are popular now, for viewers without history.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Source, StageError};
use foryou_types::seams::Retrieval;
use mixer_kit::FeedQuery;

use crate::candidate::{PostCandidate, ServedType};
use crate::filters::served_counts;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;

/// Gives a viewer without history the most popular posts, so that a new viewer's feed is never empty. A viewer whose history
/// could not be fetched is one of them for this request. Off when only in-network posts are wanted.
pub struct PopularSource {
    popular: Arc<dyn Retrieval>,
    max_results: usize,
    /// Whether posts that were served before are left out: what the filter would remove is not asked for.
    served_counts: fn(&ScoredPostsQuery) -> bool,
}

impl PopularSource {
    /// The component's name.
    pub const NAME: &'static str = "PopularSource";

    /// At most as many posts as the service is set to ask for.
    pub fn new(popular: Arc<dyn Retrieval>, params: &MixerParams) -> Self {
        Self { popular, max_results: params.popular_max_results, served_counts: served_counts(params) }
    }
}

#[async_trait]
impl Source<ScoredPostsQuery, PostCandidate> for PopularSource {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        !query.in_network_only && !query.has_actions()
    }

    async fn get_candidates(&self, query: &ScoredPostsQuery, _: &Budget) -> Result<Vec<PostCandidate>, StageError> {
        let served_before = (self.served_counts)(query);
        super::retrieve(&self.popular, query, self.max_results, ServedType::Popular, served_before).await
    }
}
