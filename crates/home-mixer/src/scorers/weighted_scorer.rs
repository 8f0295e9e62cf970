//! From what the viewer would do to what a post is worth.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Scorer, StageError};
use foryou_types::{ActionKind, ActionSet};

use super::ScoreOffset;
use crate::candidate::PostCandidate;
use crate::params::{MIN_VIDEO_DURATION_MS, MixerParams};
use crate::query::ScoredPostsQuery;

/// Computes `s = Σ w·p` over the discrete heads and `w·seconds` over the continuous ones, with the weights of the profile's
/// action set; a missing head counts 0.
///
/// * The weight of `vqv` counts only for videos longer than [`MIN_VIDEO_DURATION_MS`]: shorter ones are watched to the end by
///   anyone who scrolls past.
/// * The weight of `reply` is raised by [`MUTUAL_FOLLOW_REPLY_BOOST`] on originals by authors who and the viewer follow each other.
/// * Seconds count up to [`ActionSet::DWELL_CLIP_SECONDS`].
///
/// `weighted_score` is s; `score` is s, too, or in the January order s after the offset. A post without information (s = 0)
/// gets [`NOTHING_KNOWN`] as its score. A post with a head that is not a finite number gets none, and goes to the end.
#[derive(Clone, Copy, Debug)]
pub struct WeightedScorer {
    january_order: bool,
}

/// The score of a post with s = 0, before multipliers: a hair above nothing, so that they act on it as on any other, and posts that
/// nobody acted on come with authors mixed. This is too little to change the order of posts with information.
pub const NOTHING_KNOWN: f64 = 1e-12;

/// Added to the weight of `reply` between people who follow each other: a reply there begins a conversation.
pub const MUTUAL_FOLLOW_REPLY_BOOST: f64 = 15.0;

impl WeightedScorer {
    /// A scorer for the service's order of offset and multipliers.
    pub const fn new(params: &MixerParams) -> Self {
        Self { january_order: params.january_order }
    }
}

/// The scores of one candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedFields {
    /// Raw s.
    pub weighted_score: Option<f64>,
    /// What the scorers after this one continue with.
    pub score: Option<f64>,
}

fn weighted_sum(set: &ActionSet, candidate: &PostCandidate) -> f64 {
    let heads = candidate.heads.as_deref().unwrap_or_default();
    let long_video = candidate.video_duration_ms.is_some_and(|ms| ms > MIN_VIDEO_DURATION_MS);
    let mutual_original = candidate.mutual_follow == Some(true) && candidate.is_original();
    let term = |(action, &head): (&foryou_types::ActionDef, &f64)| match (action.kind, action.name.as_str()) {
        (ActionKind::Continuous, _) => action.weight * head.clamp(0.0, ActionSet::DWELL_CLIP_SECONDS),
        (ActionKind::Discrete, "vqv") if !long_video => 0.0,
        (ActionKind::Discrete, "reply") if mutual_original => (action.weight + MUTUAL_FOLLOW_REPLY_BOOST) * head,
        (ActionKind::Discrete, _) => action.weight * head,
    };
    set.actions.iter().zip(heads).map(term).sum()
}

#[async_trait]
impl Scorer<ScoredPostsQuery, PostCandidate> for WeightedScorer {
    type Fields = WeightedFields;

    fn name(&self) -> &'static str {
        "WeightedScorer"
    }

    async fn score(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<WeightedFields>, StageError> {
        let set = &query.profile.action_set;
        let offset = self.january_order.then(|| ScoreOffset::of(set));
        Ok(candidates
            .iter()
            .map(|candidate| {
                if candidate.unscorable {
                    return WeightedFields { weighted_score: None, score: None };
                }
                let s = weighted_sum(set, candidate);
                let score = match offset {
                    Some(offset) => offset.apply(s),
                    None if s == 0.0 => NOTHING_KNOWN,
                    None => s,
                };
                WeightedFields { weighted_score: Some(s), score: Some(score) }
            })
            .collect())
    }

    fn update(&self, candidate: &mut PostCandidate, fields: WeightedFields) {
        candidate.weighted_score = fields.weighted_score;
        candidate.score = fields.score;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::{post, query, reply, repost};

    /// A post with heads of the For You set, 0 where not named.
    fn with_heads(mut candidate: PostCandidate, named: &[(&str, f64)]) -> PostCandidate {
        let set = ActionSet::for_you();
        let mut heads = vec![0.0; set.len()];
        for (name, p) in named {
            heads[usize::from(set.index_of(name).unwrap())] = *p;
        }
        candidate.heads = Some(heads.into());
        candidate
    }

    async fn fields(params: &MixerParams, candidate: PostCandidate) -> WeightedFields {
        WeightedScorer::new(params).score(&query(), &[candidate], &Budget::UNLIMITED).await.unwrap()[0]
    }

    async fn s(candidate: PostCandidate) -> f64 {
        let fields = fields(&MixerParams::default(), candidate).await;
        let s = fields.weighted_score.unwrap();
        assert_eq!(fields.score, Some(if s == 0.0 { NOTHING_KNOWN } else { s }));
        s
    }

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
    }

    #[tokio::test]
    async fn the_sum_is_over_all_heads() {
        let heads = [("favorite", 0.2), ("reply", 0.1), ("click", 0.5), ("report", 0.001), ("dwell_time", 12.0)];
        // 0.5·0.2 + 5·0.1 + 0.4·0.5 - 234·0.001 + 0.004·12
        close(s(with_heads(post(1), &heads)).await, 0.1 + 0.5 + 0.2 - 0.234 + 0.048);
    }

    #[tokio::test]
    async fn missing_heads_count_nothing() {
        close(s(post(1)).await, 0.0);
        // favorite, reply, repost
        close(s(PostCandidate { heads: Some([0.2, 0.1, 0.3].into()), ..post(1) }).await, 0.1 + 0.5 + 0.3);
        let too_many = PostCandidate { heads: Some(vec![0.0; 25].into()), ..post(1) };
        close(s(too_many).await, 0.0);
    }

    #[tokio::test]
    async fn a_post_that_cannot_be_scored_gets_no_score() {
        let broken = PostCandidate { unscorable: true, ..with_heads(post(1), &[("favorite", 0.2)]) };
        let none = WeightedFields { weighted_score: None, score: None };
        assert_eq!(fields(&MixerParams::default(), broken).await, none);
    }

    #[tokio::test]
    async fn seconds_are_clipped() {
        close(s(with_heads(post(1), &[("dwell_time", 300.0)])).await, 0.004 * 30.0);
        close(s(with_heads(post(1), &[("dwell_time", -4.0)])).await, 0.0);
    }

    #[tokio::test]
    async fn vqv_counts_for_videos_longer_than_ten_seconds() {
        for (video_duration_ms, expected) in [(None, 0.0), (Some(10_000), 0.0), (Some(10_001), 0.05 * 0.4)] {
            let candidate = PostCandidate { video_duration_ms, ..with_heads(post(1), &[("vqv", 0.4)]) };
            close(s(candidate).await, expected);
        }
    }

    #[tokio::test]
    async fn replies_between_mutual_followers_weigh_more_on_originals() {
        for (candidate, mutual_follow, weight) in [
            (post(1), Some(true), 20.0),
            (post(1), Some(false), 5.0),
            (post(1), None, 5.0),
            (reply(1, 2), Some(true), 5.0),
            (repost(1, 2, 3), Some(true), 5.0),
        ] {
            let candidate = PostCandidate { mutual_follow, ..with_heads(candidate, &[("reply", 0.1)]) };
            close(s(candidate).await, weight * 0.1);
        }
    }

    #[tokio::test]
    async fn in_the_january_order_the_offset_is_applied_here() {
        let january = MixerParams { january_order: true, ..MixerParams::default() };
        let liked = fields(&january, with_heads(post(1), &[("favorite", 0.2)])).await;
        close(liked.weighted_score.unwrap(), 0.1);
        close(liked.score.unwrap(), 0.101);
        let reported = fields(&january, with_heads(post(1), &[("report", 0.5)])).await;
        close(reported.weighted_score.unwrap(), -117.0);
        // Negative weights sum to 367.2, the positive discrete ones to 43.05, both without the 0.004 of dwell time.
        close(reported.score.unwrap(), (367.2 - 117.0) / (367.2 + 43.05) * 0.001);
    }
}
