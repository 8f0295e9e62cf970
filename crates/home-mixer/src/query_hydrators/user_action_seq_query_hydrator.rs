//! The viewer's engagement history.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, QueryHydrator, StageError};
use foryou_types::UserActionSequence;
use foryou_types::seams::Strato;

use crate::query::ScoredPostsQuery;

/// Fetches the viewer's history as the state keeps it: the newest [`UserActionSequence::KEPT`] tokens and their number ever.
/// (Consecutive actions on one post were merged when they were stored.)
///
/// Nothing is cut here. Each model thins and cuts the history to its own length S ([`UserActionSequence::windowed`]), so that
/// versions of different S serve side by side; a second cut of a cut list would give other tokens than training.
///
/// When it fails the viewer counts as one without history: popular posts, ranked by the prior, flagged.
pub struct UserActionSeqQueryHydrator {
    strato: Arc<dyn Strato>,
}

impl UserActionSeqQueryHydrator {
    /// The component's name.
    pub const NAME: &'static str = "UserActionSeqQueryHydrator";

    /// Reads the history from `strato`.
    pub fn new(strato: Arc<dyn Strato>) -> Self {
        Self { strato }
    }
}

#[async_trait]
impl QueryHydrator<ScoredPostsQuery> for UserActionSeqQueryHydrator {
    type Fields = Arc<UserActionSequence>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn hydrate(&self, query: &ScoredPostsQuery, _: &Budget) -> Result<Self::Fields, StageError> {
        self.strato.user_action_sequence(query.user_id).await.map_err(mixer_kit::failed)
    }

    fn update(&self, query: &mut ScoredPostsQuery, sequence: Self::Fields) {
        query.user_action_sequence = Some(sequence);
    }
}
