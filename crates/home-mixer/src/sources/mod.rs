//! Stage 2: where candidates come from.

pub mod phoenix_source;
pub mod popular_source;
pub mod thunder_source;

pub use phoenix_source::PhoenixSource;
pub use popular_source::PopularSource;
pub use thunder_source::ThunderSource;

use std::sync::Arc;

use candidate_pipeline::StageError;
use foryou_types::seams::{Retrieval, RetrievalRequest};

use crate::candidate::{PostCandidate, ServedType};
use crate::clients;
use crate::query::ScoredPostsQuery;

/// Asks a retrieval service for at most `max_results` posts that are not too old for the profile.
async fn retrieve(
    retrieval: &Arc<dyn Retrieval>,
    query: &ScoredPostsQuery,
    max_results: usize,
    served_type: ServedType,
) -> Result<Vec<PostCandidate>, StageError> {
    let request = RetrievalRequest {
        user_id: query.user_id,
        history: query.user_action_sequence.clone().unwrap_or_default(),
        max_results,
        not_before: query.now - query.profile.limits.max_post_age_seconds.saturating_mul(1_000),
        now: query.now,
    };
    let mut found = retrieval.retrieve(request).await.map_err(clients::failed)?.posts;
    found.truncate(max_results);
    Ok(found
        .into_iter()
        .map(|post| PostCandidate {
            tweet_id: post.post_id,
            author_id: post.author_id,
            served_type: Some(served_type),
            ..PostCandidate::default()
        })
        .collect())
}
