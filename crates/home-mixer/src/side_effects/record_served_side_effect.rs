//! The feed goes back into the log.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{SideEffect, SideEffectInput, StageError};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;
use foryou_types::seams::{ServedFeed, ServedPost, ServedRecorder};
use mixer_kit::RankedBy;

/// Records what was served, where the caller asked for it: posts are not served again within the profile's window, and
/// training learns from them.
pub struct RecordServedSideEffect {
    recorder: Arc<dyn ServedRecorder>,
}

impl RecordServedSideEffect {
    /// The component's name.
    pub const NAME: &'static str = "RecordServedSideEffect";

    /// Into this log.
    pub fn new(recorder: Arc<dyn ServedRecorder>) -> Self {
        Self { recorder }
    }
}

#[async_trait]
impl SideEffect<ScoredPostsQuery, PostCandidate> for RecordServedSideEffect {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        query.record
    }

    async fn run(&self, input: Arc<SideEffectInput<ScoredPostsQuery, PostCandidate>>) -> Result<(), StageError> {
        if input.selected.is_empty() {
            return Ok(());
        }
        let query = &input.query;
        let posts = input
            .selected
            .iter()
            .map(|c| ServedPost {
                post_id: c.tweet_id,
                score: c.score.unwrap_or_default(),
                source: c.served_type.map_or("", |source| source.as_str()).to_owned(),
            })
            .collect();
        let model = match query.notes.ranked_by() {
            Some(RankedBy::Model(version)) => Some(version.to_string()),
            _ => None,
        };
        let served = ServedFeed { request_id: query.request_id.clone(), user_id: query.user_id, posts, model };
        self.recorder.record_served(served, query.now).await.map_err(mixer_kit::failed)
    }
}
