//! No author fills a feed.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Scorer, StageError};
use foryou_types::UserId;
use rustc_hash::FxHashMap;

use super::multiplied;
use crate::candidate::PostCandidate;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;
use crate::ties::tie_break;

/// Multiplies the k-th best post of an author (k from 0) by `floor + (1 - floor)·decay^k`.
///
/// The author is the original's: ten people who repost one author do not make ten authors (the public release counts the
/// reposters). Posts of unknown author are left alone. Equal posts are walked as the selector orders them: the newest first.
#[derive(Clone, Copy, Debug)]
pub struct AuthorDiversityScorer {
    decay: f64,
    floor: f64,
}

impl AuthorDiversityScorer {
    /// A scorer with the service's decay and floor, both meant to be in `0 ..= 1`.
    pub const fn new(params: &MixerParams) -> Self {
        Self { decay: params.author_diversity_decay, floor: params.author_diversity_floor }
    }

    /// The multiplier of an author's `k`-th post.
    pub fn multiplier(&self, k: u32) -> f64 {
        self.floor + (1.0 - self.floor) * self.decay.powi(k.cast_signed())
    }
}

#[async_trait]
impl Scorer<ScoredPostsQuery, PostCandidate> for AuthorDiversityScorer {
    type Fields = Option<f64>;

    fn name(&self) -> &'static str {
        "AuthorDiversityScorer"
    }

    async fn score(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Option<f64>>, StageError> {
        let mut scores: Vec<_> = candidates.iter().map(|candidate| candidate.score).collect();
        // As the selector would sort them now. What has no finite score has no place in this order and counts for no author.
        let mut ranked: Vec<_> = (0..candidates.len())
            .filter_map(|i| scores[i].filter(|score| score.is_finite()).map(|score| (score, i)))
            .collect();
        let tie = |i: usize| (tie_break(&candidates[i], query.user_id), i);
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| tie(a.1).cmp(&tie(b.1))));

        let mut appearances: FxHashMap<UserId, u32> = FxHashMap::default();
        for (score, i) in ranked {
            let Some(author) = candidates[i].original_author().some() else { continue };
            let k = appearances.entry(author).or_default();
            scores[i] = Some(multiplied(score, self.multiplier(*k)));
            *k += 1;
        }
        Ok(scores)
    }

    fn update(&self, candidate: &mut PostCandidate, score: Option<f64>) {
        candidate.score = score;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filters::testing::{NOW, post, query, repost};

    fn scored(id: u64, author: u64, score: f64) -> PostCandidate {
        PostCandidate { author_id: UserId(author), score: Some(score), ..post(id) }
    }

    async fn scores(candidates: &[PostCandidate]) -> Vec<Option<f64>> {
        let scorer = AuthorDiversityScorer::new(&MixerParams::default());
        scorer.score(&query(), candidates, &Budget::UNLIMITED).await.unwrap()
    }

    #[test]
    fn the_multipliers_by_hand() {
        let scorer = AuthorDiversityScorer { decay: 0.5, floor: 0.25 };
        assert_eq!([0, 1, 2, 3].map(|k| scorer.multiplier(k)), [1.0, 0.625, 0.4375, 0.34375]);
        assert_eq!(scorer.multiplier(5_000), 0.25);
        let off = AuthorDiversityScorer { decay: 1.0, floor: 0.25 };
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
