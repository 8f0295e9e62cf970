//! In-network posts: what the accounts the viewer follows posted lately.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Source, StageError};
use foryou_types::seams::{InNetworkPosts, InNetworkRequest, LightPost};

use crate::candidate::{PostCandidate, ServedType};
use crate::query::ScoredPostsQuery;

/// Asks Thunder. Posts the viewer has seen are excluded there, so that they do not take the place of others under the limit.
///
/// Off for a viewer who follows nobody, and where the graph could not be fetched: Thunder takes an empty list as an order to
/// look the graph up itself, and posts that no filter could check against blocks and mutes are of no use.
pub struct ThunderSource {
    thunder: Arc<dyn InNetworkPosts>,
    max_results: usize,
}

/// Thunder cuts exclude lists to this many (its documented default); the newest that a client names come first.
const MAX_EXCLUDED: usize = 10_000;

impl ThunderSource {
    /// The component's name.
    pub const NAME: &'static str = "ThunderSource";

    /// At most `max_results` posts.
    pub fn new(thunder: Arc<dyn InNetworkPosts>, max_results: usize) -> Self {
        Self { thunder, max_results }
    }
}

#[async_trait]
impl Source<ScoredPostsQuery, PostCandidate> for ThunderSource {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        query.user_features.as_ref().is_some_and(|features| !features.followed_user_ids.is_empty())
    }

    async fn get_candidates(&self, query: &ScoredPostsQuery, _: &Budget) -> Result<Vec<PostCandidate>, StageError> {
        let Some(features) = &query.user_features else { return Ok(Vec::new()) };
        let mut exclude_post_ids = super::seen(query);
        exclude_post_ids.truncate(MAX_EXCLUDED);
        let request = InNetworkRequest {
            user_id: query.user_id,
            following_user_ids: features.followed_user_ids.to_vec(),
            max_results: self.max_results,
            exclude_post_ids,
            algorithm: "recent".to_owned(),
            debug: false,
            is_video_request: query.video_only,
            now: Some(query.now),
        };
        let mut answer = self.thunder.get_in_network_posts(request).await.map_err(mixer_kit::failed)?;
        if answer.partial {
            query.notes.degrade(Self::NAME, "Thunder ran out of time: not every followed account was looked at");
        }
        for warning in &answer.warnings {
            query.notes.degrade(Self::NAME, warning.clone());
        }
        answer.posts.truncate(self.max_results);
        Ok(answer.posts.iter().map(candidate).collect())
    }
}

fn candidate(post: &LightPost) -> PostCandidate {
    PostCandidate {
        tweet_id: post.post_id,
        author_id: post.author_id,
        created_at: Some(post.created_at),
        in_reply_to_tweet_id: post.in_reply_to_post_id.some(),
        retweeted_tweet_id: if post.is_retweet { post.source_post_id.some() } else { None },
        retweeted_user_id: if post.is_retweet { post.source_user_id.some() } else { None },
        served_type: Some(ServedType::Thunder),
        ..PostCandidate::default()
    }
}
