//! What the posts around a post say: the one it quotes and the one it answers.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};
use foryou_types::UserId;
use foryou_types::seams::TweetEntities;

use super::{CoreDataCandidateHydrator, all_well, distinct};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Fetches text and author of quoted posts and the text of answered ones, each post once: muted keywords count in both, blocked
/// authors and deletes in a quote.
///
/// When it fails, `related_checked` stays false and the filters that protect the viewer remove what they cannot judge.
pub struct QuoteCandidateHydrator {
    tweet_entities: Arc<dyn TweetEntities>,
}

/// What is known of the posts around a post.
#[derive(Clone, Debug, Default)]
pub struct Related {
    quoted_text: Option<Arc<str>>,
    quoted_author: Option<UserId>,
    quoted_deleted: bool,
    answered_text: Option<Arc<str>>,
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
    type Fields = Related;

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
        let both = |c: &PostCandidate| [c.quoted_tweet_id, c.answered_id()];
        let (around, place) = distinct(candidates.iter().flat_map(both).flatten());
        if around.is_empty() {
            return Ok(all_well(candidates.iter().map(|_| Related::default())));
        }
        let posts = mixer_kit::one_each(self.tweet_entities.core_data(&around).await, around.len())?;
        let post = |id| place.get(&id).and_then(|&i| posts[i].as_deref());
        Ok(all_well(candidates.iter().map(|c| {
            let quoted = c.quoted_tweet_id.and_then(post);
            Related {
                quoted_text: quoted.and_then(|post| post.text.clone()),
                quoted_author: quoted.and_then(|post| post.author_id.some()),
                quoted_deleted: quoted.is_some_and(|post| post.deleted),
                answered_text: c.answered_id().and_then(post).and_then(|post| post.text.clone()),
            }
        })))
    }

    fn update(&self, candidate: &mut PostCandidate, related: Related) {
        candidate.quoted_text = related.quoted_text;
        candidate.quoted_user_id = related.quoted_author.or(candidate.quoted_user_id);
        candidate.quoted_deleted = related.quoted_deleted;
        candidate.answered_text = related.answered_text;
        candidate.related_checked = true;
    }
}
