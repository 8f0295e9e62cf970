//! Stage 5: what a post is worth to the viewer, one scorer per file.
//!
//! In order: [`PhoenixScorer`](mixer_kit::PhoenixScorer) (heads), [`WeightedScorer`](mixer_kit::WeightedScorer) (their weighted sum
//! s), [`author_diversity_scorer`] and [`OONScorer`] (multipliers on s), [`OffsetScorer`](mixer_kit::OffsetScorer) (positive and negative scores on one positive scale, once and last). In the January order,
//! a switch, the weighted scorer applies the offset and the multipliers act on what comes out.

mod author_diversity_scorer;
mod oon_scorer;
mod weights;

pub use author_diversity_scorer::author_diversity_scorer;
pub use oon_scorer::OONScorer;
pub use weights::MUTUAL_FOLLOW_REPLY_BOOST;
pub(crate) use weights::weight;

#[cfg(test)]
mod tests {
    use candidate_pipeline::{Budget, Scorer, Selector};
    use foryou_types::{ActionSet, UserId};
    use mixer_kit::{OffsetScorer, WeightedScorer};
    use proptest::prelude::*;

    use super::*;
    use crate::candidate::PostCandidate;
    use crate::filters::testing::{post, query_over};
    use crate::params::MixerParams;
    use crate::query::ScoredPostsQuery;
    use crate::selectors::top_k_score_selector;

    async fn run(
        scorer: impl Scorer<ScoredPostsQuery, PostCandidate>,
        query: &ScoredPostsQuery,
        candidates: &mut [PostCandidate],
    ) {
        if scorer.enable(query) {
            let fields = scorer.score(query, candidates, &Budget::UNLIMITED).await.unwrap();
            assert_eq!(fields.len(), candidates.len());
            for (candidate, fields) in candidates.iter_mut().zip(fields) {
                scorer.update(candidate, fields);
            }
        }
    }

    /// All scorers behind Phoenix over posts with the heads (good, bad) of weights 2 and -1, so W = 3 and N = 1.
    async fn scores(params: &MixerParams, mut candidates: Vec<PostCandidate>) -> Vec<f64> {
        let query = query_over(|p| {
            p.action_set = ActionSet::discrete(1, &[("good", 2.0), ("bad", -1.0)]);
            p.oon_factor = 0.5;
        });
        run(WeightedScorer::new(params.january_order), &query, &mut candidates).await;
        run(author_diversity_scorer(params), &query, &mut candidates).await;
        run(OONScorer::new(params), &query, &mut candidates).await;
        run(OffsetScorer::new(!params.january_order), &query, &mut candidates).await;
        candidates.iter().map(|c| c.score.unwrap()).collect()
    }

    fn rated(id: u64, author: u64, in_network: bool, heads: [f64; 2]) -> PostCandidate {
        PostCandidate { author_id: UserId(author), in_network: Some(in_network), heads: Some(heads.into()), ..post(id) }
    }

    fn close(got: &[f64], expected: &[f64]) {
        let near = got.len() == expected.len() && got.iter().zip(expected).all(|(g, e)| (g - e).abs() < 1e-12);
        assert!(near, "{got:?} is not {expected:?}");
    }

    fn three() -> Vec<PostCandidate> {
        vec![
            // s = 2·0.5 - 0.2 = 0.8, in network.
            rated(1, 7, true, [0.5, 0.2]),
            // s = 2·0.4 = 0.8 - 0.2 = 0.6, the second of its author and out of network: · 0.625 · 0.5.
            rated(2, 7, false, [0.4, 0.2]),
            // s = -0.5, out of network: no multiplier.
            rated(3, 8, false, [0.0, 0.5]),
        ]
    }

    #[tokio::test]
    async fn multipliers_act_on_raw_scores_and_the_offset_comes_last() {
        let scores = scores(&MixerParams::default(), three()).await;
        close(&scores, &[0.801, 0.6 * 0.625 * 0.5 + 0.001, (-0.5 + 1.0) / 3.0 * 0.001]);
    }

    #[tokio::test]
    async fn in_the_january_order_multipliers_act_on_offset_scores() {
        let january = MixerParams { january_order: true, ..MixerParams::default() };
        let scores = scores(&january, three()).await;
        close(&scores, &[0.801, 0.601 * 0.625 * 0.5, 0.5 / 3.0 * 0.001 * 0.5]);
    }

    proptest! {
        #[test]
        fn what_hurts_ranks_below_what_helps(
            heads in prop::collection::vec((0.0f64..=1.0, 0.0f64..=1.0, 1u64..4, any::<bool>()), 1..40),
        ) {
            let candidates: Vec<_> = (1u64..)
                .zip(&heads)
                .map(|(id, &(good, bad, author, in_network))| rated(id, author, in_network, [good, bad]))
                .collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let scores = runtime.block_on(scores(&MixerParams::default(), candidates));
            let raw: Vec<_> = heads.iter().map(|&(good, bad, ..)| 2.0 * good - bad).collect();
            for (a, raw_a) in scores.iter().zip(&raw) {
                prop_assert!(*a >= 0.0);
                for (b, raw_b) in scores.iter().zip(&raw) {
                    if *raw_a < 0.0 && *raw_b >= 0.0 {
                        prop_assert!(a <= b);
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn a_score_that_is_no_number_stays_one_for_the_selector_to_count() {
        let scores =
            scores(&MixerParams::default(), vec![rated(1, 7, true, [f64::NAN, 0.0]), rated(2, 7, true, [0.5, 0.0])])
                .await;
        assert!(scores[0].is_nan());
        close(&scores[1..], &[1.001]);
        let candidate = PostCandidate { score: Some(scores[0]), ..post(1) };
        let selector: &dyn Selector<ScoredPostsQuery, PostCandidate> = &top_k_score_selector(&MixerParams::default());
        assert!(!selector.score(&candidate).is_finite());
    }
}
