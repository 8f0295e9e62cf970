//! No author fills a feed.

use mixer_kit::GroupDiversityScorer;

use crate::params::MixerParams;

/// Damps the posts of an author after the first, by the service's decay and floor.
///
/// The author is the original's: ten people who repost one author do not make ten authors (the public release counts the
/// reposters).
pub const fn author_diversity_scorer(params: &MixerParams) -> GroupDiversityScorer {
    GroupDiversityScorer::new("AuthorDiversityScorer", params.author_diversity_decay, params.author_diversity_floor)
}

#[cfg(test)]
mod tests {
    use candidate_pipeline::{Budget, Scorer};
    use foryou_types::UserId;
    use proptest::prelude::*;

    use super::*;
    use crate::candidate::PostCandidate;
    use crate::filters::testing::{NOW, post, query, repost};

    fn scored(id: u64, author: u64, score: f64) -> PostCandidate {
        PostCandidate { author_id: UserId(author), score: Some(score), ..post(id) }
    }

    async fn scores(candidates: &[PostCandidate]) -> Vec<Option<f64>> {
        let scorer = author_diversity_scorer(&MixerParams::default());
        scorer.score(&query(), candidates, &Budget::UNLIMITED).await.unwrap()
    }

    #[test]
    fn the_multipliers_by_hand() {
        let scorer = GroupDiversityScorer::new("scorer", 0.5, 0.25);
        assert_eq!([0, 1, 2, 3].map(|k| scorer.multiplier(k)), [1.0, 0.625, 0.4375, 0.34375]);
        assert_eq!(scorer.multiplier(5_000), 0.25);
        let off = GroupDiversityScorer::new("scorer", 1.0, 0.25);
        assert_eq!(off.multiplier(9), 1.0);
    }

    #[tokio::test]
    async fn appearances_are_counted_in_score_order() {
        let candidates = [scored(1, 7, 4.0), scored(2, 7, 16.0), scored(3, 8, 2.0), scored(4, 7, 8.0)];
        assert_eq!(scores(&candidates).await, [Some(4.0 * 0.4375), Some(16.0), Some(2.0), Some(5.0)]);
    }

    #[tokio::test]
    async fn of_equal_posts_the_newest_counts_first() {
        let minutes_old =
            |id, minutes: i64| PostCandidate { created_at: Some(NOW - minutes * 60_000), ..scored(id, 7, 8.0) };
        for ids in [[3, 9], [9, 3]] {
            assert_eq!(scores(&[minutes_old(ids[0], 2), minutes_old(ids[1], 1)]).await, [Some(5.0), Some(8.0)]);
        }
    }

    #[tokio::test]
    async fn a_repost_counts_for_its_original_author() {
        let reposts = [
            PostCandidate { score: Some(16.0), ..repost(1, 10, 7) },
            PostCandidate { score: Some(8.0), ..repost(2, 20, 7) },
            scored(3, 7, 4.0),
            // By the reposter of the first.
            scored(4, 101, 2.0),
        ];
        assert_eq!(reposts[0].author_id, UserId(101));
        assert_eq!(scores(&reposts).await, [Some(16.0), Some(5.0), Some(4.0 * 0.4375), Some(2.0)]);
    }

    #[tokio::test]
    async fn without_author_or_score_nothing_happens() {
        let candidates = [
            scored(1, 0, 8.0),
            scored(2, 0, 8.0),
            PostCandidate { score: None, ..scored(3, 7, 0.0) },
            scored(4, 7, 8.0),
        ];
        assert_eq!(scores(&candidates).await, [Some(8.0), Some(8.0), None, Some(8.0)]);
        let broken = scores(&[scored(1, 7, f64::NAN), scored(2, 7, f64::INFINITY), scored(3, 7, 8.0)]).await;
        assert!(broken[0].is_some_and(f64::is_nan));
        assert_eq!(broken[1..], [Some(f64::INFINITY), Some(8.0)]);
    }

    #[tokio::test]
    async fn negative_scores_stay_but_count() {
        assert_eq!(scores(&[scored(1, 7, -1.0), scored(2, 7, -2.0)]).await, [Some(-1.0), Some(-2.0)]);
    }

    proptest! {
        #[test]
        fn no_score_is_raised_and_an_authors_posts_keep_their_order(
            posts in prop::collection::vec((0u64..4, -5.0f64..5.0), 0..60),
        ) {
            let candidates: Vec<_> = (1u64..).zip(posts).map(|(id, (author, score))| scored(id, author, score)).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let after = runtime.block_on(scores(&candidates));
            for (a, after_a) in candidates.iter().zip(&after) {
                prop_assert!(after_a <= &a.score);
                for (b, after_b) in candidates.iter().zip(&after) {
                    if a.author_id == b.author_id && a.score < b.score {
                        prop_assert!(after_a <= after_b);
                    }
                }
            }
        }
    }
}
