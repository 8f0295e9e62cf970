//! Stage 2: where candidates come from.

mod phoenix_source;
mod popular_source;
mod thunder_source;

pub use phoenix_source::PhoenixSource;
pub use popular_source::PopularSource;
pub use thunder_source::ThunderSource;

use std::sync::Arc;

use candidate_pipeline::StageError;
use foryou_types::PostId;
use foryou_types::seams::{Retrieval, RetrievalRequest};
use rustc_hash::FxHashSet;

use crate::candidate::{PostCandidate, ServedType};
use crate::query::ScoredPostsQuery;

/// Asks a retrieval service for at most `max_results` posts that are not too old for the profile, nor known to the viewer: a viewer
/// who has seen the best of them gets the next ones. With `served_before`, posts that were served count as known.
async fn retrieve(
    retrieval: &Arc<dyn Retrieval>,
    query: &ScoredPostsQuery,
    max_results: usize,
    served_type: ServedType,
    served_before: bool,
) -> Result<Vec<PostCandidate>, StageError> {
    let request = RetrievalRequest {
        user_id: query.user_id,
        history: query.user_action_sequence.clone().unwrap_or_default(),
        max_results,
        not_before: query.now - query.profile.limits.max_post_age_seconds.saturating_mul(1_000),
        exclude_post_ids: known(query, served_before),
        now: query.now,
    };
    let mut found = retrieval.retrieve(request).await.map_err(mixer_kit::failed)?.posts;
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

/// What the client and the server's own record say the viewer has seen, acted on (where the profile takes that as seen) and was
/// served: the client's word first, the newest first in it, since lists are cut to a bound.
fn known(query: &ScoredPostsQuery, served_before: bool) -> Vec<PostId> {
    let mut known = seen(query);
    if served_before {
        known.extend(&query.served_ids);
        known.extend(query.history.iter().flat_map(|record| &record.served));
    }
    known.truncate(RetrievalRequest::MOST_EXCLUDED);
    known
}

/// What the client and the server's own record say the viewer has seen, each post once. Of what the viewer acted on, the posts
/// of the history: a post that is older than all of it is hardly among those that sources find.
fn seen(query: &ScoredPostsQuery) -> Vec<PostId> {
    let mut seen = query.seen_ids.clone();
    if let Some(record) = &query.history {
        let mut recorded: Vec<PostId> = record.seen.iter().copied().collect();
        if query.profile.acted_is_seen
            && let Some(history) = &query.user_action_sequence
        {
            recorded.extend(history.tokens.iter().filter(|token| !token.actions.is_empty()).map(|token| token.post_id));
        }
        // A set has no order of its own, and where the list is cut the same posts must go every time.
        recorded.sort_unstable_by_key(|id| std::cmp::Reverse(id.0));
        seen.extend(recorded);
    }
    let mut met = FxHashSet::default();
    seen.retain(|id| met.insert(*id));
    seen
}
