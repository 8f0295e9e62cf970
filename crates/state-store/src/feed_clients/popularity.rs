//! Retrieval and ranking without a model: what is popular now.

use std::sync::Arc;

use async_trait::async_trait;
use foryou_types::PostId;
use foryou_types::seams::{
    Ranking, RankingRequest, RankingResponse, Retrieval, RetrievalRequest, RetrievalResponse, Retrieved, SeamError,
};
use rustc_hash::FxHashSet;

use super::off_worker;
use crate::StateStore;

/// [`Ranking`] by the popularity prior ([`foryou_types::PopularityPrior`]): the same for every viewer. Answers without a model version.
pub struct PopularityRanking(pub Arc<StateStore>);

#[async_trait]
impl Ranking for PopularityRanking {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        off_worker(&self.0, move |store| {
            let posts: Vec<PostId> = request.candidates.iter().map(|c| c.post_id).collect();
            Ok(RankingResponse { scores: store.popularity_heads(&posts, request.now)?, model: None })
        })
        .await
    }
}

/// [`Retrieval`] of the most popular posts that are neither excluded nor the viewer's own: the same for every viewer otherwise.
/// Answers without a model version.
pub struct PopularityRetrieval(pub Arc<StateStore>);

#[async_trait]
impl Retrieval for PopularityRetrieval {
    async fn retrieve(&self, request: RetrievalRequest) -> Result<RetrievalResponse, SeamError> {
        let popular = off_worker(&self.0, move |store| {
            let excluded: FxHashSet<PostId> = request.exclude_post_ids.iter().copied().collect();
            let unwanted = |post: PostId, author| author == request.user_id || excluded.contains(&post);
            store.most_popular(request.now, request.not_before, request.max_results, &unwanted)
        })
        .await?;
        let posts = popular
            .into_iter()
            .map(|p| Retrieved { post_id: p.post_id, author_id: p.author_id, score: p.score as f32 })
            .collect();
        Ok(RetrievalResponse { posts, model: None })
    }
}
