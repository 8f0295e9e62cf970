//! A post as the components that all feeds share see it.

use foryou_types::{ActionDef, PostId, TimeMs, UserId};
use mixer_kit::{Predicted, Prediction, Ranked, ScoredBy};

use crate::candidate::PostCandidate;
use crate::scorers::weight;

impl Ranked for PostCandidate {
    fn item_id(&self) -> PostId {
        self.tweet_id
    }

    fn created_at(&self) -> Option<TimeMs> {
        self.created_at
    }

    /// Of a repost the original, else itself.
    fn original_id(&self) -> PostId {
        self.retweeted_tweet_id.unwrap_or(self.tweet_id)
    }

    fn original_created_at(&self) -> Option<TimeMs> {
        if self.retweeted_tweet_id.is_some() {
            self.core.as_ref().and_then(|core| core.reposted_created_at)
        } else {
            self.created_at
        }
    }

    /// The author of the original.
    fn group_id(&self) -> UserId {
        if self.retweeted_tweet_id.is_some() { UserId::from_option(self.retweeted_user_id) } else { self.author_id }
    }

    /// Itself, the post it reposts, the post it answers.
    fn known_ids(&self) -> impl Iterator<Item = PostId> {
        [Some(self.tweet_id), self.retweeted_tweet_id, self.in_reply_to_tweet_id]
            .into_iter()
            .flatten()
            .filter(|id| id.is_some())
    }

    fn acted_on(&self) -> Option<PostId> {
        self.acted_on
    }

    fn heads(&self) -> &[f64] {
        self.heads.as_deref().unwrap_or_default()
    }

    fn is_unscorable(&self) -> bool {
        self.unscorable
    }

    fn scored_by(&self) -> Option<ScoredBy> {
        self.scored_by
    }

    fn predicted(&self) -> Option<Predicted> {
        Some(Predicted { request: self.prediction_request_id?, at_ms: self.last_scored_at_ms? })
    }

    fn set_prediction(&mut self, Prediction { heads, by, unscorable, request, at_ms }: Prediction) {
        self.heads = heads;
        self.scored_by = by;
        self.unscorable = unscorable;
        self.prediction_request_id = Some(request);
        self.last_scored_at_ms = Some(at_ms);
    }

    fn weight(&self, action: &ActionDef) -> f64 {
        weight(self, action)
    }

    fn set_weighted_score(&mut self, score: Option<f64>) {
        self.weighted_score = score;
    }

    fn score(&self) -> Option<f64> {
        self.score
    }

    fn set_score(&mut self, score: Option<f64>) {
        self.score = score;
    }
}
