//! What the server itself showed and served the viewer.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, QueryHydrator, StageError};
use foryou_types::PostId;
use foryou_types::seams::{RecordWindow, Strato};
use rustc_hash::FxHashSet;

use crate::query::{ScoredPostsQuery, ViewerRecord};

/// Fetches the server's own record of the viewer, within the profile's windows.
///
/// Impressions are asked for as far back as posts may be old: a post seen before that was posted before that, and the age
/// filter has it. What was served counts up to the moment of the request: a record with a later time (the clock was set back)
/// hides nothing. When it fails, only what the client says it saw is known, and the feed is flagged.
pub struct ImpressionHistoryQueryHydrator {
    strato: Arc<dyn Strato>,
}

impl ImpressionHistoryQueryHydrator {
    /// The component's name.
    pub const NAME: &'static str = "ImpressionHistoryQueryHydrator";

    /// From this service.
    pub fn new(strato: Arc<dyn Strato>) -> Self {
        Self { strato }
    }

    /// The originals of the reposts among listed posts: a client that saw a repost has seen its original.
    async fn reposted(&self, listed: &[PostId]) -> Result<Vec<PostId>, StageError> {
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let originals = mixer_kit::one_each(self.strato.originals(listed).await, listed.len())?;
        Ok(originals
            .into_iter()
            .zip(listed)
            .filter(|(original, post)| original != *post)
            .map(|(original, _)| original)
            .collect())
    }
}

#[async_trait]
impl QueryHydrator<ScoredPostsQuery> for ImpressionHistoryQueryHydrator {
    type Fields = Arc<ViewerRecord>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn hydrate(&self, query: &ScoredPostsQuery, _: &Budget) -> Result<Self::Fields, StageError> {
        let limits = &query.profile.limits;
        let window = RecordWindow {
            seen_since: query.now - limits.max_post_age_seconds.saturating_mul(1_000),
            served_since: query.now - limits.served_window_seconds.saturating_mul(1_000),
            now: query.now,
            served_limit: limits.served_window_posts,
        };
        let record = async { self.strato.seen_and_served(query.user_id, window).await.map_err(mixer_kit::failed) };
        let (record, seen, served) =
            tokio::try_join!(record, self.reposted(&query.seen_ids), self.reposted(&query.served_ids))?;
        Ok(Arc::new(ViewerRecord {
            seen: record.seen.into_iter().chain(seen).collect(),
            served: record.served.into_iter().chain(served).collect::<FxHashSet<_>>(),
        }))
    }

    fn update(&self, query: &mut ScoredPostsQuery, record: Self::Fields) {
        query.history = Some(record);
    }
}
