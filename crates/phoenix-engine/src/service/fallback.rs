//! What answers while no model is loaded.

use std::sync::Arc;

use async_trait::async_trait;
use foryou_types::seams::{
    Ranking, RankingRequest, RankingResponse, Retrieval, RetrievalRequest, RetrievalResponse, SeamError,
};

use super::ranking::PhoenixRanking;
use super::retrieval::PhoenixRetrieval;

/// Ranking by the loaded model; while none is loaded, by the prior, without a model version. A failing model is no reason to
/// ask the prior: that is the caller's to decide, who says so in the answer.
pub(super) struct RankingOrPrior {
    pub(super) phoenix: Arc<PhoenixRanking>,
    pub(super) prior: Arc<dyn Ranking>,
}

#[async_trait]
impl Ranking for RankingOrPrior {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        match self.phoenix.models().model_of(request.user_id) {
            Some(model) => self.phoenix.rank_by(model, request).await,
            None => self.prior.rank(request).await.map(|answer| RankingResponse { model: None, ..answer }),
        }
    }
}

/// Retrieval by the loaded model; while none is loaded, of popular posts, without a model version.
pub(super) struct RetrievalOrPopular {
    pub(super) phoenix: Arc<PhoenixRetrieval>,
    pub(super) popular: Arc<dyn Retrieval>,
}

#[async_trait]
impl Retrieval for RetrievalOrPopular {
    async fn retrieve(&self, request: RetrievalRequest) -> Result<RetrievalResponse, SeamError> {
        match self.phoenix.models().model_of(request.user_id) {
            Some(model) => self.phoenix.retrieve_by(model, request).await,
            None => self.popular.retrieve(request).await.map(|answer| RetrievalResponse { model: None, ..answer }),
        }
    }
}
