//! What a quoted post says.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};
use foryou_types::UserId;

use super::{CoreDataCandidateHydrator, all_well, distinct};
use crate::candidate::PostCandidate;
use crate::clients::{self, TweetEntities};
use crate::query::ScoredPostsQuery;

/// Fetches text and author of quoted posts, each post once: muted keywords and blocked authors count in a quote, too.
pub struct QuoteCandidateHydrator {
    tweet_entities: Arc<dyn TweetEntities>,
}

/// What is known of a quoted post.
#[derive(Clone, Debug, Default)]
pub struct Quote {
    text: Option<Arc<str>>,
    author: Option<UserId>,
}

impl QuoteCandidateHydrator {
    /// The component's name.
    pub const NAME: &'static str = "QuoteCandidateHydrator";

    /// From this service.
    pub fn new(tweet_entities: Arc<dyn TweetEntities>) -> Self {
        Self { tweet_entities }
    }
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for QuoteCandidateHydrator {
    type Fields = Quote;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn needs(&self) -> &'static [&'static str] {
        &[CoreDataCandidateHydrator::NAME]
    }

    async fn hydrate(
        &self,
        _: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        let (quoted, place) = distinct(candidates.iter().filter_map(|c| c.quoted_tweet_id));
        if quoted.is_empty() {
            return Ok(all_well(candidates.iter().map(|_| Quote::default())));
        }
        let posts = clients::one_each(self.tweet_entities.core_data(&quoted).await, quoted.len())?;
        Ok(all_well(candidates.iter().map(|c| {
            let post = c.quoted_tweet_id.and_then(|id| place.get(&id)).and_then(|&i| posts[i].as_deref());
            post.map_or_else(Quote::default, |p| Quote { text: p.text.clone(), author: p.author_id.some() })
        })))
    }

    fn update(&self, candidate: &mut PostCandidate, quote: Quote) {
        candidate.quoted_text = quote.text;
        candidate.quoted_user_id = quote.author.or(candidate.quoted_user_id);
    }
}
