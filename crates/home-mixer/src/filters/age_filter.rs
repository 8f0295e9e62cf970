//! Posts that are too old, or not written yet.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use foryou_types::{IdForm, Namespace, TimeMs};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Removes posts older than the profile's limit, posts from the future, and posts of unknown age.
///
/// A post's time is its `created_at`; only where that is missing it is read from the post's snowflake id. A post of exactly the
/// limit's age stays. A repost's time is that of the repost.
///
/// Posts from the future are removed so that a request for a past moment (`--now`) does not show what came later;
/// five seconds of future is forgiven, since the writer's clock is not the reader's.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgeFilter;

/// A post may be this far ahead of the request, in milliseconds.
const CLOCK_SKEW_MS: i64 = 5_000;

fn created_at(query: &ScoredPostsQuery, candidate: &PostCandidate) -> Option<TimeMs> {
    // Numbers of a dictionary say nothing about time.
    let numbers = query.profile.id_form(Namespace::Posts) != IdForm::Dictionary;
    candidate.created_at.or_else(|| numbers.then(|| candidate.tweet_id.snowflake_time()).flatten())
}

impl Filter<ScoredPostsQuery, PostCandidate> for AgeFilter {
    fn name(&self) -> &'static str {
        "AgeFilter"
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        let limit_ms = query.profile.limits.max_post_age_seconds.saturating_mul(1_000);
        for (i, candidate) in candidates.iter().enumerate() {
            let Some(at) = created_at(query, candidate) else {
                keep.remove_because(i, || "of unknown age".to_owned());
                continue;
            };
            let age_ms = query.now.since(at);
            if age_ms > limit_ms {
                keep.remove_because(i, || format!("posted at {at}, over {} s ago", limit_ms / 1_000));
            } else if age_ms < -CLOCK_SKEW_MS {
                keep.remove_because(i, || format!("posted at {at}, after the request"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::PostId;

    use super::*;
    use crate::filters::testing::{NOW, kept, post, query, query_over, reason};

    const LIMIT_MS: i64 = 48 * 3_600_000;

    fn aged(id: u64, age_ms: i64) -> PostCandidate {
        PostCandidate { created_at: Some(NOW - age_ms), ..post(id) }
    }

    fn snowflake(at: TimeMs) -> u64 {
        PostId::snowflake(at, 4_095).0
    }

    #[test]
    fn both_edges_are_exact() {
        let posts = [
            aged(1, 0),
            aged(2, LIMIT_MS),
            aged(3, LIMIT_MS + 1),
            aged(4, -CLOCK_SKEW_MS),
            aged(5, -CLOCK_SKEW_MS - 1),
            aged(6, i64::MAX),
            aged(7, i64::MIN + 1),
        ];
        assert_eq!(kept(&AgeFilter, &query(), &posts), [1, 2, 4]);
    }

    #[test]
    fn the_limit_is_the_profiles() {
        let month = query_over(|p| p.limits.max_post_age_seconds = 30 * 86_400);
        assert_eq!(kept(&AgeFilter, &month, &[aged(1, 29 * 86_400_000), aged(2, 31 * 86_400_000)]), [1]);
        let forever = query_over(|p| p.limits.max_post_age_seconds = i64::MAX);
        assert_eq!(kept(&AgeFilter, &forever, &[aged(1, NOW.0)]), [1]);
    }

    #[test]
    fn the_id_counts_only_where_the_time_is_missing() {
        let untimed = |id| PostCandidate { created_at: None, ..post(id) };
        let fresh = snowflake(NOW - 1_000);
        let old = snowflake(NOW - LIMIT_MS - 1_000);
        let posts = [untimed(fresh), untimed(old), untimed(42), untimed(snowflake(NOW + 3_600_000)), untimed(u64::MAX)];
        assert_eq!(kept(&AgeFilter, &query(), &posts), [fresh]);
        assert_eq!(kept(&AgeFilter, &query(), &[aged(old, 1_000), aged(fresh, LIMIT_MS + 1)]), [old]);
        assert_eq!(reason(&AgeFilter, &query(), untimed(42)).as_deref(), Some("of unknown age"));

        let named = query_over(|p| p.ids.posts = IdForm::Dictionary);
        assert_eq!(kept(&AgeFilter, &named, &[untimed(fresh)]), [0u64; 0]);
    }

    #[test]
    fn a_request_for_the_past_does_not_show_what_came_later() {
        let past = ScoredPostsQuery { now: NOW - 3_600_000, ..query() };
        assert_eq!(kept(&AgeFilter, &past, &[aged(1, 60_000), aged(2, 2 * 3_600_000)]), [2]);
    }
}
