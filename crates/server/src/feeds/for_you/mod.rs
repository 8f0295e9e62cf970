//! The For You feed: ranked posts. The only place of the service that knows what a post is, together with its gRPC form.

mod answer;
mod request;

use async_trait::async_trait;
use foryou_types::PostId;
use home_mixer::HomeMixer;
use home_mixer::candidate::PostCandidate;
use home_mixer::query::ScoredPostsQuery;
use mixer_kit::{FeedError, FeedOptions, FeedResult};

use crate::cursor::Scope;
use crate::feed::{Asked, Common, Feed, Scored};
use crate::folder::Folder;
use crate::memory::Measured;
use crate::problem::Problem;

pub use answer::{Candidates, ClockUsed, FeedAnswer, FeedPost};
pub(crate) use answer::{RANKED_BY, ranked_by};
pub use request::FeedRequest;

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
    use crate::cursor::{CursorKey, decode, encode};

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
    fn a_cursor_that_was_written_before_still_opens() {
        const WRITTEN: &str = "AgFdIX3sxt4Q5kpjIgIxotQBAAAAAAAAAP__________";
        let key = CursorKey::new([7; 32]);
        let query = ScoredPostsQuery { topic_ids: vec![5, 3], exclude_videos: true, ..query(42) };
        assert_eq!(decode(&key, &scope(&query), WRITTEN).unwrap(), [PostId(1), PostId(u64::MAX)]);
        assert_eq!(encode(&key, &scope(&query), &[PostId(1)], &[PostId(u64::MAX)]).as_deref(), Some(WRITTEN));
    }
}
