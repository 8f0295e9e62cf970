//! Which of two equal posts comes first.

use foryou_types::{TimeMs, UserId, shuffle_key};

use crate::candidate::PostCandidate;

/// Ascends along the order of posts with equal scores: the newest first; those of one moment in an order of the viewer's own, which
/// has nothing to do with the order of ids and is the same in every request.
pub(crate) fn tie_break(candidate: &PostCandidate, viewer: UserId) -> u128 {
    let created_at = candidate.created_at.unwrap_or(TimeMs(i64::MIN));
    // Flipping the sign's bit orders signed numbers as unsigned ones; the complement puts the newest first.
    let newest_first = !(created_at.0.cast_unsigned() ^ 1 << 63);
    u128::from(newest_first) << 64 | u128::from(shuffle_key(candidate.tweet_id.0, viewer.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::post;

    fn at(id: u64, ms: i64) -> PostCandidate {
        PostCandidate { created_at: Some(TimeMs(ms)), ..post(id) }
    }

    #[test]
    fn the_newest_is_first_and_unknown_times_are_last() {
        let order = [at(1, i64::MAX), at(9, 5), at(2, 0), at(3, -5), PostCandidate { created_at: None, ..post(4) }];
        assert!(order.is_sorted_by_key(|candidate| tie_break(candidate, UserId(1))));
    }

    #[test]
    fn posts_of_one_moment_have_an_order_per_viewer_that_is_not_that_of_their_ids() {
        let order = |viewer| {
            let mut posts: Vec<_> = (1..=40).map(|id| at(id, 0)).collect();
            posts.sort_by_key(|candidate| tie_break(candidate, UserId(viewer)));
            posts.iter().map(|candidate| candidate.tweet_id.0).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let ascending = order(1).windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((10..=29).contains(&ascending), "{:?}", order(1));
    }
}
