//! The viewer's own posts.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use mixer_kit::Ranked;

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Removes what the viewer wrote: their own posts and reposts, and reposts by others of a post of theirs (which the public
/// release shows).
#[derive(Clone, Copy, Debug, Default)]
pub struct SelfTweetFilter;

impl Filter<ScoredPostsQuery, PostCandidate> for SelfTweetFilter {
    fn name(&self) -> &'static str {
        "SelfTweetFilter"
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        for (i, candidate) in candidates.iter().enumerate() {
            if candidate.author_id == query.user_id {
                keep.remove_because(i, || "the viewer's own".to_owned());
            } else if candidate.group_id() == query.user_id {
                keep.remove_because(i, || "a repost of the viewer's own".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::UserId;

    use super::*;
    use crate::filters::testing::{VIEWER, kept, post, query, repost};

    #[test]
    fn what_the_viewer_wrote_goes() {
        let posts = [
            post(1),
            PostCandidate { author_id: VIEWER, ..post(2) },
            repost(3, 30, VIEWER.0),
            PostCandidate { author_id: VIEWER, ..repost(4, 40, 41) },
            PostCandidate { author_id: UserId::NONE, ..post(5) },
            PostCandidate { quoted_user_id: Some(VIEWER), ..post(6) },
        ];
        assert_eq!(kept(&SelfTweetFilter, &query(), &posts), [1, 5, 6]);
    }
}
