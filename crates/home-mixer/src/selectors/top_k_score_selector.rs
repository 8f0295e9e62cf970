//! The best K by score.

use mixer_kit::TopKSelector;

use crate::params::MixerParams;

/// Selects the K posts of the highest final score, K being the service's.
pub const fn top_k_score_selector(params: &MixerParams) -> TopKSelector {
    TopKSelector::new("TopKScoreSelector", params.selection_size)
}

#[cfg(test)]
mod tests {
    use candidate_pipeline::Selector;
    use foryou_types::{TimeMs, UserId};

    use super::*;
    use crate::candidate::PostCandidate;
    use crate::filters::testing::{post, query};
    use crate::query::ScoredPostsQuery;

    fn selector() -> impl Selector<ScoredPostsQuery, PostCandidate> {
        top_k_score_selector(&MixerParams::default())
    }

    fn tie_break(candidate: &PostCandidate, viewer: u64) -> u128 {
        selector().tie_break(&ScoredPostsQuery { user_id: UserId(viewer), ..query() }, candidate)
    }

    #[test]
    fn sizes_follow_the_caller() {
        let sizes = [1, 35, 50, 200].map(|limit| {
            let query = ScoredPostsQuery { limit, ..query() };
            (selector().size(&query), selector().result_size(&query))
        });
        assert_eq!(sizes, [(50, 1), (50, 35), (50, 50), (200, 200)]);
    }

    #[test]
    fn the_final_score_decides_and_none_sinks() {
        let scored = PostCandidate { score: Some(0.5), weighted_score: Some(9.0), ..post(u64::MAX) };
        assert_eq!((selector().score(&scored), selector().id(&scored)), (0.5, u64::MAX));
        assert!(!selector().score(&post(1)).is_finite());
    }

    fn at(id: u64, ms: i64) -> PostCandidate {
        PostCandidate { created_at: Some(TimeMs(ms)), ..post(id) }
    }

    #[test]
    fn the_newest_is_first_and_unknown_times_are_last() {
        let order = [at(1, i64::MAX), at(9, 5), at(2, 0), at(3, -5), PostCandidate { created_at: None, ..post(4) }];
        assert!(order.is_sorted_by_key(|candidate| tie_break(candidate, 1)));
    }

    #[test]
    fn posts_of_one_moment_have_an_order_per_viewer_that_is_not_that_of_their_ids() {
        let order = |viewer| {
            let mut posts: Vec<_> = (1..=40).map(|id| at(id, 0)).collect();
            posts.sort_by_key(|candidate| tie_break(candidate, viewer));
            posts.iter().map(|candidate| candidate.tweet_id.0).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let ascending = order(1).windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((10..=29).contains(&ascending), "{:?}", order(1));
    }
}
