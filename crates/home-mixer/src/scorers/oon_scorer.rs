//! Strangers weigh less.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Scorer, StageError};
use mixer_kit::multiplied;

use crate::candidate::PostCandidate;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;

/// Multiplies the scores of out-of-network posts by the viewer's own factor, or by the profile's where the viewer set none; where
/// the service is set to (it is by default), also those of in-network replies and reposts, which are half strangers' posts.
///
/// A post that is not known to be in-network counts as out-of-network. No post gets the factor twice.
#[derive(Clone, Copy, Debug)]
pub struct OONScorer {
    replies_and_reposts: bool,
}

impl OONScorer {
    /// A scorer with the service's rule for replies and reposts.
    pub const fn new(params: &MixerParams) -> Self {
        Self { replies_and_reposts: params.oon_factor_on_replies_and_reposts }
    }
}

/// The factor of a request. A viewer's factor outside the profile's own bounds (0 to 10) counts as not set.
fn factor(query: &ScoredPostsQuery) -> f64 {
    let own = query.user_features.as_ref().and_then(|features| features.oon_factor);
    own.filter(|factor| (0.0..=10.0).contains(factor)).unwrap_or(query.profile.oon_factor)
}

#[async_trait]
impl Scorer<ScoredPostsQuery, PostCandidate> for OONScorer {
    type Fields = Option<f64>;

    fn name(&self) -> &'static str {
        "OONScorer"
    }

    async fn score(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Option<f64>>, StageError> {
        let factor = factor(query);
        let applies = |candidate: &PostCandidate| {
            candidate.in_network != Some(true) || (self.replies_and_reposts && !candidate.is_original())
        };
        Ok(candidates
            .iter()
            .map(|candidate| {
                candidate.score.map(|score| if applies(candidate) { multiplied(score, factor) } else { score })
            })
            .collect())
    }

    fn update(&self, candidate: &mut PostCandidate, score: Option<f64>) {
        candidate.score = score;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::{post, query, query_over, query_with, reply, repost};
    use crate::query::UserFeatures;

    fn scored(candidate: PostCandidate, in_network: Option<bool>, score: f64) -> PostCandidate {
        PostCandidate { in_network, score: Some(score), ..candidate }
    }

    async fn scores(params: &MixerParams, query: &ScoredPostsQuery, candidates: &[PostCandidate]) -> Vec<Option<f64>> {
        OONScorer::new(params).score(query, candidates, &Budget::UNLIMITED).await.unwrap()
    }

    #[tokio::test]
    async fn the_factor_is_for_strangers_and_for_replies_and_reposts() {
        let candidates = [
            scored(post(1), Some(true), 8.0),
            scored(post(2), Some(false), 8.0),
            scored(post(3), None, 8.0),
            scored(reply(4, 1), Some(true), 8.0),
            scored(repost(5, 1, 9), Some(true), 8.0),
            scored(reply(6, 1), Some(false), 8.0),
            scored(post(7), Some(false), -8.0),
            PostCandidate { score: None, ..post(8) },
        ];
        let on = scores(&MixerParams::default(), &query(), &candidates).await;
        let expected = [8.0, 6.0, 6.0, 6.0, 6.0, 6.0, -8.0];
        assert_eq!(on[..7], expected.map(Some));
        assert_eq!(on[7], None);

        let off = MixerParams { oon_factor_on_replies_and_reposts: false, ..MixerParams::default() };
        assert_eq!(scores(&off, &query(), &candidates[..6]).await, [8.0, 6.0, 6.0, 8.0, 8.0, 6.0].map(Some));
    }

    #[tokio::test]
    async fn the_viewers_factor_goes_before_the_profiles() {
        let profile = query_over(|p| p.oon_factor = 0.5);
        let setting = |oon_factor| query_with(UserFeatures { oon_factor: Some(oon_factor), ..UserFeatures::default() });
        let blind = ScoredPostsQuery { user_features: None, ..query() };
        for (query, expected) in [
            (profile, 4.0),
            (setting(0.25), 2.0),
            (setting(0.0), 0.0),
            (setting(2.0), 16.0),
            (setting(f64::NAN), 6.0),
            (setting(-1.0), 6.0),
            (blind, 6.0),
        ] {
            let stranger = [scored(post(1), Some(false), 8.0)];
            assert_eq!(scores(&MixerParams::default(), &query, &stranger).await, [Some(expected)]);
        }
    }
}
