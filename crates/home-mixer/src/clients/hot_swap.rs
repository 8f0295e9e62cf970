//! A client that can be exchanged while requests run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use foryou_types::seams::{
    Ranking, RankingRequest, RankingResponse, Retrieval, RetrievalRequest, RetrievalResponse, SeamError,
};

/// Holds a client that [`HotSwap::swap`] exchanges without a lock and without a failed request: each call goes to the client
/// that was there when it began, and keeps it alive until it ends.
///
/// Implements [`Ranking`] and [`Retrieval`] by passing calls on, so a pipeline is given the holder and never knows.
pub struct HotSwap<T: ?Sized>(ArcSwap<Arc<T>>);

impl<T: ?Sized> HotSwap<T> {
    /// Holds `client`.
    pub fn new(client: Arc<T>) -> Self {
        Self(ArcSwap::from_pointee(client))
    }

    /// Exchanges the client; calls that began before continue with the old one.
    pub fn swap(&self, client: Arc<T>) {
        self.0.store(Arc::new(client));
    }

    /// The client held now.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.load())
    }
}

#[async_trait]
impl Ranking for HotSwap<dyn Ranking> {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        self.current().rank(request).await
    }
}

#[async_trait]
impl Retrieval for HotSwap<dyn Retrieval> {
    async fn retrieve(&self, request: RetrievalRequest) -> Result<RetrievalResponse, SeamError> {
        self.current().retrieve(request).await
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{TimeMs, UserId};

    use super::*;

    struct Named(&'static str);

    #[async_trait]
    impl Ranking for Named {
        async fn rank(&self, _: RankingRequest) -> Result<RankingResponse, SeamError> {
            Ok(RankingResponse { scores: Vec::new(), model: Some(self.0.into()) })
        }
    }

    #[tokio::test]
    async fn a_swap_is_seen_by_the_next_call() {
        let swap: HotSwap<dyn Ranking> = HotSwap::new(Arc::new(Named("old")));
        let request =
            || RankingRequest { user_id: UserId(1), history: Arc::default(), candidates: Vec::new(), now: TimeMs(0) };
        assert_eq!(swap.rank(request()).await.unwrap().model.as_deref(), Some("old"));
        let begun_before = swap.current();
        swap.swap(Arc::new(Named("new")));
        assert_eq!(swap.rank(request()).await.unwrap().model.as_deref(), Some("new"));
        assert_eq!(begun_before.rank(request()).await.unwrap().model.as_deref(), Some("old"));
    }
}
