//! Out-of-network posts, found for this viewer.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Filter, Source, StageError};
use foryou_types::seams::Retrieval;

use crate::candidate::{PostCandidate, ServedType};
use crate::filters::PreviouslyServedPostsFilter;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;

/// Asks Phoenix retrieval with the viewer's history. Off when only in-network posts are wanted, and for a viewer without
/// history, whom retrieval does not know ([`super::PopularSource`] replaces it).
pub struct PhoenixSource {
    retrieval: Arc<dyn Retrieval>,
    max_results: usize,
    served: PreviouslyServedPostsFilter,
}

impl PhoenixSource {
    /// The component's name.
    pub const NAME: &'static str = "PhoenixSource";

    /// At most as many posts as the service is set to ask for.
    pub fn new(retrieval: Arc<dyn Retrieval>, params: &MixerParams) -> Self {
        let served = PreviouslyServedPostsFilter::new(params);
        Self { retrieval, max_results: params.phoenix_max_results, served }
    }
}

#[async_trait]
impl Source<ScoredPostsQuery, PostCandidate> for PhoenixSource {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        !query.in_network_only && query.has_history()
    }

    async fn get_candidates(&self, query: &ScoredPostsQuery, _: &Budget) -> Result<Vec<PostCandidate>, StageError> {
        // What the filter would remove is not asked for.
        let served_before = self.served.enable(query);
        super::retrieve(&self.retrieval, query, self.max_results, ServedType::PhoenixRetrieval, served_before).await
    }
}
