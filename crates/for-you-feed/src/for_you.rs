//! The For You feed as the server serves it.

use async_trait::async_trait;
use foryou_types::PostId;
use home_mixer::HomeMixer;
use home_mixer::candidate::PostCandidate;
use home_mixer::query::ScoredPostsQuery;
use mixer_kit::{FeedError, FeedOptions, FeedResult};
use server::{Asked, Common, Feed, Folder, Measured, Problem, Scope, Scored};

use crate::answer::FeedAnswer;
use crate::request::FeedRequest;

/// The For You feed.
pub struct ForYou {
    mixer: HomeMixer,
}

impl ForYou {
    /// Served by this pipeline.
    pub const fn new(mixer: HomeMixer) -> Self {
        Self { mixer }
    }

    /// The pipeline.
    pub const fn mixer(&self) -> &HomeMixer {
        &self.mixer
    }
}

impl Measured for ForYou {
    fn memory_bytes(&self) -> Vec<(&'static str, u64)> {
        vec![("request_log", self.mixer.request_log_bytes() as u64)]
    }
}

#[async_trait]
impl Feed for ForYou {
    type Request = FeedRequest;
    type Query = ScoredPostsQuery;
    type Candidate = PostCandidate;
    type Answer = FeedAnswer;

    fn name(&self) -> &'static str {
        "for_you"
    }

    fn common(&self, request: &FeedRequest) -> Result<Common, Problem> {
        request.common()
    }

    fn query(&self, request: FeedRequest, asked: Asked, folder: &Folder) -> Result<ScoredPostsQuery, Problem> {
        request.query(asked, folder)
    }

    fn scope(&self, query: &ScoredPostsQuery) -> Scope {
        scope(query)
    }

    /// The posts of earlier pages count as served.
    async fn rank(
        &self,
        mut query: ScoredPostsQuery,
        earlier: &[PostId],
        options: FeedOptions,
    ) -> Result<FeedResult<PostCandidate>, FeedError> {
        query.served_ids.extend(earlier);
        query.is_bottom_request |= !earlier.is_empty();
        self.mixer.scored_posts(query, options).await
    }

    fn answer(&self, scored: Scored<PostCandidate>, folder: &Folder) -> FeedAnswer {
        FeedAnswer::new(folder, &scored)
    }
}

/// The form that cursors have been sealed with since their second version.
fn scope(query: &ScoredPostsQuery) -> Scope {
    let mut topic_ids = query.topic_ids.clone();
    topic_ids.sort_unstable();
    topic_ids.dedup();
    let mut bytes = vec![query.surface as u8];
    bytes.extend([query.in_network_only, query.exclude_videos, query.video_only].map(u8::from));
    bytes.extend(query.user_id.0.to_le_bytes());
    bytes.extend((topic_ids.len() as u64).to_le_bytes());
    bytes.extend(topic_ids.iter().flat_map(|topic| topic.to_le_bytes()));
    Scope::of_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use foryou_types::{Profile, Surface, TimeMs, UserId};

    use super::*;

    fn query(viewer: u64) -> ScoredPostsQuery {
        ScoredPostsQuery::new(UserId(viewer), TimeMs(1), Arc::new(Profile::live()), String::new())
    }

    #[test]
    fn pages_of_another_viewer_or_kind_of_feed_have_another_scope() {
        let more = ScoredPostsQuery { limit: 7, now: TimeMs(9), seen_ids: vec![PostId(3)], ..query(1) };
        assert_eq!(scope(&more), scope(&query(1)));
        for other in [
            query(2),
            ScoredPostsQuery { in_network_only: true, ..query(1) },
            ScoredPostsQuery { exclude_videos: true, ..query(1) },
            ScoredPostsQuery { video_only: true, ..query(1) },
            ScoredPostsQuery { surface: Surface::Video, ..query(1) },
            ScoredPostsQuery { topic_ids: vec![1], ..query(1) },
        ] {
            assert_ne!(scope(&other), scope(&query(1)), "{other:?}");
        }
    }

    #[test]
    fn the_scope_is_made_as_before() {
        let query = ScoredPostsQuery { topic_ids: vec![5, 3, 5], exclude_videos: true, ..query(42) };
        let bytes = [
            &[1, 0, 1, 0][..],
            &42_u64.to_le_bytes(),
            &2_u64.to_le_bytes(),
            &3_u32.to_le_bytes(),
            &5_u32.to_le_bytes(),
        ];
        assert_eq!(scope(&query), Scope::of_bytes(bytes.concat()));
    }
}
