//! Subscriber-only posts of authors the viewer does not pay for.

use candidate_pipeline::{Budget, Filter, FilterPolicy, KeepMask, StageError};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Removes subscriber-only posts unless the viewer subscribes to their author or is the author. Fails closed.
///
/// A post whose subscription state could not be fetched is removed, and without the viewer's features the filter fails: what
/// others pay for must not be given away because a service was down.
#[derive(Clone, Copy, Debug, Default)]
pub struct IneligibleSubscriptionFilter;

impl Filter<ScoredPostsQuery, PostCandidate> for IneligibleSubscriptionFilter {
    fn name(&self) -> &'static str {
        "IneligibleSubscriptionFilter"
    }

    fn policy(&self) -> FilterPolicy {
        FilterPolicy::FailClosed
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        let features = super::user_features(query)?;
        for (i, candidate) in candidates.iter().enumerate() {
            if !candidate.subscription_checked {
                keep.remove_because(i, || "subscription state unknown".to_owned());
                continue;
            }
            let Some(author) = candidate.subscription_author_id.filter(|author| author.is_some()) else { continue };
            if author != query.user_id && !features.subscribed_user_ids.contains(author) {
                keep.remove_because(i, || format!("only for subscribers of {}", query.print_user(author)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::UserId;

    use super::*;
    use crate::filters::testing::{VIEWER, kept, policy, post, query, query_with, try_kept};
    use crate::query::UserFeatures;

    fn subscriber_only(id: u64, author: u64) -> PostCandidate {
        PostCandidate { subscription_author_id: Some(UserId(author)), ..post(id) }
    }

    #[test]
    fn only_subscribers_and_the_author_see_it() {
        let query =
            query_with(UserFeatures { subscribed_user_ids: [UserId(50)].into_iter().collect(), ..Default::default() });
        let posts = [
            post(1),
            subscriber_only(2, 50),
            subscriber_only(3, 51),
            subscriber_only(4, VIEWER.0),
            subscriber_only(5, 0),
        ];
        assert_eq!(kept(&IneligibleSubscriptionFilter, &query, &posts), [1, 2, 4, 5]);
    }

    #[test]
    fn it_fails_closed() {
        let unknown = PostCandidate { subscription_checked: false, ..post(1) };
        assert_eq!(kept(&IneligibleSubscriptionFilter, &query(), &[unknown, post(2)]), [2]);

        let blind = ScoredPostsQuery { user_features: None, ..query() };
        assert!(try_kept(&IneligibleSubscriptionFilter, &blind, &[post(1)]).is_err());
        assert_eq!(policy(&IneligibleSubscriptionFilter, &blind, &post(1)), FilterPolicy::FailClosed);
    }
}
