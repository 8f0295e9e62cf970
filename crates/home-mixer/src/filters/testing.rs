//! What the tests of filters, scorers and the selector share.

use std::sync::Arc;

use candidate_pipeline::{Budget, Filter, FilterPolicy, KeepMask, StageError};
use foryou_types::{Namespace, PostId, Profile, TimeMs, UserId};

use crate::candidate::PostCandidate;
use crate::ids::PrintedIds;
use crate::query::{ScoredPostsQuery, UserFeatures};

/// The viewer of every test query.
pub(crate) const VIEWER: UserId = UserId(1);
/// The moment of every test query.
pub(crate) const NOW: TimeMs = TimeMs(1_800_000_000_000);

/// A query of [`VIEWER`] at [`NOW`] over the live profile, with empty user features and no record.
pub(crate) fn query() -> ScoredPostsQuery {
    let mut query = ScoredPostsQuery::new(VIEWER, NOW, Arc::new(Profile::live()), "test".to_owned());
    query.user_features = Some(Arc::default());
    query
}

/// [`query`] with other user features.
pub(crate) fn query_with(features: UserFeatures) -> ScoredPostsQuery {
    ScoredPostsQuery { user_features: Some(Arc::new(features)), ..query() }
}

/// [`query`] over the live profile after a change to it.
pub(crate) fn query_over(change: impl FnOnce(&mut Profile)) -> ScoredPostsQuery {
    let mut query = query();
    change(Arc::make_mut(&mut query.profile));
    query
}

/// A dictionary of one name.
pub(crate) fn dictionary(namespace: Namespace, id: u64, name: &'static str) -> PrintedIds {
    struct One(Namespace, u64, &'static str);
    impl foryou_types::Dictionary for One {
        fn id_of(&self, namespace: Namespace, name: &str) -> Option<u64> {
            (namespace == self.0 && name == self.2).then_some(self.1)
        }
        fn name_of(&self, namespace: Namespace, id: u64) -> Option<String> {
            (namespace == self.0 && id == self.1).then(|| self.2.to_owned())
        }
    }
    PrintedIds(Arc::new(One(namespace, id, name)))
}

/// A fully hydrated original that no filter minds: by author `100 + id`, a minute old, out-of-network.
pub(crate) fn post(id: u64) -> PostCandidate {
    PostCandidate {
        tweet_id: PostId(id),
        author_id: UserId(id.saturating_add(100)),
        tweet_text: Some("some text".into()),
        created_at: Some(NOW - 60_000),
        core_data: true,
        in_network: Some(false),
        visibility_checked: true,
        subscription_checked: true,
        related_checked: true,
        ..PostCandidate::default()
    }
}

/// [`post`] as a repost of a post by an author.
pub(crate) fn repost(id: u64, original: u64, original_author: u64) -> PostCandidate {
    PostCandidate {
        retweeted_tweet_id: Some(PostId(original)),
        retweeted_user_id: Some(UserId(original_author)),
        ..post(id)
    }
}

/// [`post`] as a reply.
pub(crate) fn reply(id: u64, to: u64) -> PostCandidate {
    PostCandidate { in_reply_to_tweet_id: Some(PostId(to)), ..post(id) }
}

/// The ids a filter keeps.
pub(crate) fn kept(
    filter: &impl Filter<ScoredPostsQuery, PostCandidate>,
    query: &ScoredPostsQuery,
    candidates: &[PostCandidate],
) -> Vec<u64> {
    try_kept(filter, query, candidates).unwrap()
}

/// The ids a filter keeps, or its failure.
pub(crate) fn try_kept(
    filter: &impl Filter<ScoredPostsQuery, PostCandidate>,
    query: &ScoredPostsQuery,
    candidates: &[PostCandidate],
) -> Result<Vec<u64>, StageError> {
    let mut keep = KeepMask::traced(candidates.len());
    filter.filter(query, candidates, &mut keep, &Budget::UNLIMITED)?;
    Ok(keep.kept().map(|i| candidates[i].tweet_id.0).collect())
}

/// The reason a filter gives for removing a candidate.
pub(crate) fn reason(
    filter: &impl Filter<ScoredPostsQuery, PostCandidate>,
    query: &ScoredPostsQuery,
    candidate: PostCandidate,
) -> Option<String> {
    let mut keep = KeepMask::traced(1);
    filter.filter(query, &[candidate], &mut keep, &Budget::UNLIMITED).unwrap();
    keep.reason(0).map(str::to_owned)
}

/// The policy of a filter for a candidate.
pub(crate) fn policy(
    filter: &impl Filter<ScoredPostsQuery, PostCandidate>,
    query: &ScoredPostsQuery,
    candidate: &PostCandidate,
) -> FilterPolicy {
    filter.policy_for(query, candidate)
}

/// Whether a filter takes part in a request.
pub(crate) fn enabled(filter: &impl Filter<ScoredPostsQuery, PostCandidate>, query: &ScoredPostsQuery) -> bool {
    filter.enable(query)
}
