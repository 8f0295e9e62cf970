//! What a post is.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};
use foryou_types::PostId;
use foryou_types::seams::{CoreData, TweetEntities};

use super::all_well;
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Fetches author, text, time, thread, repost, quote and topics of each post. A post that the service does not know stays
/// without core data. That is not a failure: the core data filter decides.
///
/// Where source and service disagree the service is right: it has the post, the source had an index entry.
pub struct CoreDataCandidateHydrator {
    tweet_entities: Arc<dyn TweetEntities>,
}

impl CoreDataCandidateHydrator {
    /// The component's name.
    pub const NAME: &'static str = "CoreDataCandidateHydrator";

    /// From this service.
    pub fn new(tweet_entities: Arc<dyn TweetEntities>) -> Self {
        Self { tweet_entities }
    }
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for CoreDataCandidateHydrator {
    type Fields = Option<Arc<CoreData>>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn hydrate(
        &self,
        _: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        let ids: Vec<PostId> = candidates.iter().map(|c| c.tweet_id).collect();
        let found = mixer_kit::one_each(self.tweet_entities.core_data(&ids).await, ids.len())?;
        Ok(all_well(found.into_iter()))
    }

    fn update(&self, candidate: &mut PostCandidate, core: Self::Fields) {
        let Some(core) = core else { return };
        if let Some(author) = core.author_id.some() {
            candidate.author_id = author;
        }
        candidate.tweet_text.clone_from(&core.text);
        candidate.created_at = Some(core.created_at);
        candidate.in_reply_to_tweet_id = core.in_reply_to.or(candidate.in_reply_to_tweet_id);
        if let Some((post, author)) = core.reposted {
            // What the source says is of the post right behind it, which may be a repost, too.
            let said = candidate.retweeted_user_id.filter(|_| candidate.retweeted_tweet_id == Some(post));
            candidate.retweeted_tweet_id = Some(post);
            candidate.retweeted_user_id = author.some().or(said);
        }
        candidate.quoted_tweet_id = core.quoted.map(|(post, _)| post);
        candidate.quoted_user_id = core.quoted.and_then(|(_, author)| author.some());
        candidate.ancestors.clone_from(&core.ancestors);
        candidate.conversation_id = core.conversation;
        candidate.topics.clone_from(&core.topics);
        candidate.core_data = true;
        candidate.core = Some(core);
    }
}
