//! What was done with a post so far.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use candidate_pipeline::{Budget, CachedHydrator, Hydrator, StageError};
use foryou_io::MonotonicClock;
use foryou_types::PostId;
use foryou_types::seams::TweetEntities;
use mixer_kit::Ranked;

use super::{CoreDataCandidateHydrator, all_well};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// How long counts are cached: they are shown, not ranked by, and the popular posts that everyone's feed shares are asked
/// about once a minute.
const TTL: Duration = Duration::from_mins(1);
/// Posts whose counts are cached: with 19 actions about 250 bytes each, so 10 MB when full.
const CAPACITY: usize = 40_000;

/// Fetches how often each action was taken on a post (of a repost: on the original).
pub struct EngagementCountsHydrator {
    tweet_entities: Arc<dyn TweetEntities>,
}

impl EngagementCountsHydrator {
    /// The component's name.
    pub const NAME: &'static str = "EngagementCountsHydrator";

    /// The hydrator behind a cache of 60 seconds, measured on `clock`.
    pub fn cached(
        tweet_entities: Arc<dyn TweetEntities>,
        clock: Arc<dyn MonotonicClock>,
    ) -> impl Hydrator<ScoredPostsQuery, PostCandidate> {
        CachedHydrator::new(Self { tweet_entities }, |c: &PostCandidate| Some(c.original_id()), CAPACITY, TTL, clock)
    }
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for EngagementCountsHydrator {
    type Fields = Arc<[u64]>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Core data says what a repost reposts.
    fn needs(&self) -> &'static [&'static str] {
        &[CoreDataCandidateHydrator::NAME]
    }

    async fn hydrate(
        &self,
        _: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        let ids: Vec<PostId> = candidates.iter().map(PostCandidate::original_id).collect();
        let counts = mixer_kit::one_each(self.tweet_entities.engagement_counts(&ids).await, ids.len())?;
        Ok(all_well(counts.into_iter()))
    }

    fn update(&self, candidate: &mut PostCandidate, counts: Self::Fields) {
        candidate.engagement_counts = Some(counts);
    }
}
