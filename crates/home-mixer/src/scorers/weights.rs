//! What an action is worth on a post.

use foryou_types::ActionDef;

use crate::candidate::PostCandidate;
use crate::params::MIN_VIDEO_DURATION_MS;

/// Added to the weight of `reply` between people who follow each other: a reply there begins a conversation.
pub const MUTUAL_FOLLOW_REPLY_BOOST: f64 = 15.0;

/// The weight of an action on a post.
///
/// * `vqv` counts only for videos longer than [`MIN_VIDEO_DURATION_MS`]: shorter ones are watched to the end by anyone who scrolls
///   past.
/// * `reply` is raised by [`MUTUAL_FOLLOW_REPLY_BOOST`] on originals by authors who and the viewer follow each other.
pub(crate) fn weight(candidate: &PostCandidate, action: &ActionDef) -> f64 {
    let long_video = || candidate.video_duration_ms.is_some_and(|ms| ms > MIN_VIDEO_DURATION_MS);
    let mutual_original = || candidate.mutual_follow == Some(true) && candidate.is_original();
    match action.name.as_str() {
        "vqv" if !long_video() => 0.0,
        "reply" if mutual_original() => action.weight + MUTUAL_FOLLOW_REPLY_BOOST,
        _ => action.weight,
    }
}

#[cfg(test)]
mod tests {
    use candidate_pipeline::{Budget, Scorer};
    use foryou_types::ActionSet;
    use mixer_kit::{NOTHING_KNOWN, WeightedScorer};

    use super::*;
    use crate::filters::testing::{post, query, reply, repost};
    use crate::query::ScoredPostsQuery;

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

    /// A post after the weighted scorer.
    async fn weighted(offset_first: bool, mut candidate: PostCandidate) -> PostCandidate {
        let scorer = WeightedScorer::new(offset_first);
        let fields = scorer.score(&query(), std::slice::from_ref(&candidate), &Budget::UNLIMITED).await.unwrap();
        Scorer::<ScoredPostsQuery, _>::update(&scorer, &mut candidate, fields[0]);
        candidate
    }

    async fn s(candidate: PostCandidate) -> f64 {
        let weighted = weighted(false, candidate).await;
        let s = weighted.weighted_score.unwrap();
        assert_eq!(weighted.score, Some(if s == 0.0 { NOTHING_KNOWN } else { s }));
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
        let broken = weighted(false, broken).await;
        assert_eq!((broken.weighted_score, broken.score), (None, None));
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
        let liked = weighted(true, with_heads(post(1), &[("favorite", 0.2)])).await;
        close(liked.weighted_score.unwrap(), 0.1);
        close(liked.score.unwrap(), 0.101);
        let reported = weighted(true, with_heads(post(1), &[("report", 0.5)])).await;
        close(reported.weighted_score.unwrap(), -117.0);
        // Negative weights sum to 367.2, the positive discrete ones to 43.05, both without the 0.004 of dwell time.
        close(reported.score.unwrap(), (367.2 - 117.0) / (367.2 + 43.05) * 0.001);
    }
}
