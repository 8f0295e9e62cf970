//! The viewer's graph and preferences.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, QueryHydrator, StageError};

use crate::query::{ScoredPostsQuery, UserFeatures};
use foryou_types::seams::{SocialGraph, Strato};

/// Fetches the people that the viewer follows, blocks, mutes and pays for, and the viewer's preferences, both at the same time.
///
/// Half of it is a failure of the whole: the filters that protect the viewer fail closed, and a graph without the muted
/// keywords would let them believe that there are none.
pub struct UserFeaturesQueryHydrator {
    social_graph: Arc<dyn SocialGraph>,
    strato: Arc<dyn Strato>,
}

impl UserFeaturesQueryHydrator {
    /// The component's name.
    pub const NAME: &'static str = "UserFeaturesQueryHydrator";

    /// From these services.
    pub fn new(social_graph: Arc<dyn SocialGraph>, strato: Arc<dyn Strato>) -> Self {
        Self { social_graph, strato }
    }
}

#[async_trait]
impl QueryHydrator<ScoredPostsQuery> for UserFeaturesQueryHydrator {
    type Fields = Arc<UserFeatures>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn hydrate(&self, query: &ScoredPostsQuery, _: &Budget) -> Result<Self::Fields, StageError> {
        let (graph, preferences) = tokio::try_join!(
            async { self.social_graph.viewer_graph(query.user_id).await.map_err(|e| named("social graph", e)) },
            async { self.strato.preferences(query.user_id).await.map_err(|e| named("preferences", e)) },
        )?;
        Ok(Arc::new(UserFeatures {
            followed_user_ids: graph.followed,
            blocked_user_ids: graph.blocked,
            muted_user_ids: graph.muted,
            blocked_by_user_ids: graph.blocked_by,
            subscribed_user_ids: graph.subscribed,
            muted_keywords: preferences.muted_keywords,
            oon_factor: preferences.oon_factor,
        }))
    }

    fn update(&self, query: &mut ScoredPostsQuery, features: Self::Fields) {
        query.user_features = Some(features);
    }
}

/// Says which of the two services failed.
fn named(service: &str, error: foryou_types::seams::SeamError) -> StageError {
    match mixer_kit::failed(error) {
        StageError::Failed(reason) => StageError::Failed(format!("{service}: {reason}")),
        other => other,
    }
}
