//! Out-of-network posts, found for this viewer.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Source, StageError};
use foryou_types::seams::Retrieval;
use mixer_kit::FeedQuery;

use crate::candidate::{PostCandidate, ServedType};
use crate::filters::served_counts;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;

/// Asks Phoenix retrieval with the viewer's history. Off when only in-network posts are wanted, and for a viewer without
/// history, whom retrieval does not know ([`super::PopularSource`] replaces it).
pub struct PhoenixSource {
    retrieval: Arc<dyn Retrieval>,
    max_results: usize,
    /// Whether posts that were served before are left out: what the filter would remove is not asked for.
    served_counts: fn(&ScoredPostsQuery) -> bool,
}

impl PhoenixSource {
    /// The component's name.
    pub const NAME: &'static str = "PhoenixSource";

    /// At most as many posts as the service is set to ask for.
    pub fn new(retrieval: Arc<dyn Retrieval>, params: &MixerParams) -> Self {
        Self { retrieval, max_results: params.phoenix_max_results, served_counts: served_counts(params) }
    }
}

#[async_trait]
impl Source<ScoredPostsQuery, PostCandidate> for PhoenixSource {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        !query.in_network_only && query.has_actions()
    }

    async fn get_candidates(&self, query: &ScoredPostsQuery, _: &Budget) -> Result<Vec<PostCandidate>, StageError> {
        let served_before = (self.served_counts)(query);
        super::retrieve(&self.retrieval, query, self.max_results, ServedType::PhoenixRetrieval, served_before).await
    }
}
