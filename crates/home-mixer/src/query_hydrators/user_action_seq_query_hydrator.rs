//! The viewer's engagement history.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, QueryHydrator, StageError};
use foryou_types::UserActionSequence;

use crate::clients::{self, Strato};
use crate::query::ScoredPostsQuery;

/// Fetches the viewer's history and cuts it to what a model sees: dense runs of looks thinned, then the window of
/// [`foryou_types::window_start`]. (Consecutive actions on one post were merged when they were stored.)
///
/// When it fails the viewer counts as one without history: popular posts, ranked by the prior, flagged.
pub struct UserActionSeqQueryHydrator {
    strato: Arc<dyn Strato>,
    history_length: usize,
}

impl UserActionSeqQueryHydrator {
    /// The component's name.
    pub const NAME: &'static str = "UserActionSeqQueryHydrator";

    /// With a history of `history_length` tokens (S).
    pub fn new(strato: Arc<dyn Strato>, history_length: usize) -> Self {
        Self { strato, history_length }
    }
}

#[async_trait]
impl QueryHydrator<ScoredPostsQuery> for UserActionSeqQueryHydrator {
    type Fields = Arc<UserActionSequence>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn hydrate(&self, query: &ScoredPostsQuery, _: &Budget) -> Result<Self::Fields, StageError> {
        let sequence = self.strato.user_action_sequence(query.user_id).await.map_err(clients::failed)?;
        Ok(Arc::new(sequence.windowed(self.history_length)))
    }

    fn update(&self, query: &mut ScoredPostsQuery, sequence: Self::Fields) {
        query.user_action_sequence = Some(sequence);
    }
}
