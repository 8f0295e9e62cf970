//! Posts by, of and about people the viewer does not want to meet, or who do not want to meet the viewer.

use candidate_pipeline::{Budget, Filter, FilterPolicy, KeepMask, StageError};
use foryou_types::UserId;

use crate::candidate::PostCandidate;
use crate::query::{ScoredPostsQuery, UserFeatures};

/// Removes posts whose author, reposted author or quoted author the viewer blocks or mutes, or who blocks the viewer. Fails
/// closed. Of a repost of a repost, everyone between counts as reposted.
///
/// A post without author passes; so does a repost or quote of an unknown author's post, as far as that author goes. A quote whose
/// author could not be looked up goes where there is anyone whom the viewer must not meet.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthorSocialgraphFilter;

fn relation(features: &UserFeatures, author: UserId) -> Option<&'static str> {
    if author.is_none() {
        None
    } else if features.blocked_user_ids.contains(author) {
        Some("whom the viewer blocks")
    } else if features.muted_user_ids.contains(author) {
        Some("whom the viewer mutes")
    } else if features.blocked_by_user_ids.contains(author) {
        Some("who blocks the viewer")
    } else {
        None
    }
}

impl Filter<ScoredPostsQuery, PostCandidate> for AuthorSocialgraphFilter {
    fn name(&self) -> &'static str {
        "AuthorSocialgraphFilter"
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
        let nobody_to_avoid = [&features.blocked_user_ids, &features.muted_user_ids, &features.blocked_by_user_ids]
            .iter()
            .all(|users| users.is_empty());
        if nobody_to_avoid {
            return Ok(());
        }
        for (i, candidate) in candidates.iter().enumerate() {
            let between = candidate.core.as_deref().map_or(&[][..], |core| &core.reposted_through);
            let authors = [
                ("by", candidate.author_id),
                ("reposts", UserId::from_option(candidate.retweeted_user_id)),
                ("quotes", UserId::from_option(candidate.quoted_user_id)),
            ];
            let mut met = authors.into_iter().chain(between.iter().map(|author| ("reposts a repost of", *author)));
            let met = met.find_map(|(how, author)| Some((how, author, relation(features, author)?)));
            if let Some((how, author, relation)) = met {
                keep.remove_because(i, || format!("{how} {}, {relation}", query.print_user(author)));
            } else if candidate.quoted_tweet_id.is_some() && !candidate.related_checked {
                keep.remove_because(i, || "the author of the quoted post is unknown".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{IdForm, Namespace};

    use super::*;
    use crate::filters::testing::{
        dictionary, kept, policy, post, query, query_over, query_with, reason, repost, try_kept,
    };

    const BLOCKED: u64 = 50;
    const MUTED: u64 = 51;
    const BLOCKER: u64 = 52;

    fn viewer() -> ScoredPostsQuery {
        let one = |id| [UserId(id)].into_iter().collect();
        query_with(UserFeatures {
            blocked_user_ids: one(BLOCKED),
            muted_user_ids: one(MUTED),
            blocked_by_user_ids: one(BLOCKER),
            ..UserFeatures::default()
        })
    }

    fn by(id: u64, author: u64) -> PostCandidate {
        PostCandidate { author_id: UserId(author), ..post(id) }
    }

    fn quoting(id: u64, author: u64) -> PostCandidate {
        PostCandidate { quoted_user_id: Some(UserId(author)), ..post(id) }
    }

    #[test]
    fn each_relation_to_each_author_counts() {
        let posts = [
            by(1, 60),
            by(2, BLOCKED),
            by(3, MUTED),
            by(4, BLOCKER),
            repost(5, 500, 60),
            repost(6, 600, BLOCKED),
            repost(7, 700, MUTED),
            repost(8, 800, BLOCKER),
            quoting(9, 60),
            quoting(10, BLOCKED),
            quoting(11, MUTED),
            quoting(12, BLOCKER),
        ];
        assert_eq!(kept(&AuthorSocialgraphFilter, &viewer(), &posts), [1, 5, 9]);
        assert_eq!(
            reason(&AuthorSocialgraphFilter, &viewer(), by(2, BLOCKED)).unwrap(),
            "by 50, whom the viewer blocks"
        );
        assert_eq!(
            reason(&AuthorSocialgraphFilter, &viewer(), repost(8, 800, BLOCKER)).unwrap(),
            "reposts 52, who blocks the viewer"
        );
    }

    #[test]
    fn a_post_without_author_passes() {
        let query =
            query_with(UserFeatures { blocked_user_ids: [UserId::NONE].into_iter().collect(), ..Default::default() });
        let unknown = PostCandidate { retweeted_user_id: None, ..repost(2, 20, 0) };
        assert_eq!(kept(&AuthorSocialgraphFilter, &query, &[by(1, 0), unknown]), [1, 2]);
    }

    #[test]
    fn a_quote_that_could_not_be_looked_up_goes_where_someone_is_to_be_avoided() {
        let unchecked = PostCandidate { quoted_tweet_id: Some(post(9).tweet_id), related_checked: false, ..post(1) };
        assert_eq!(kept(&AuthorSocialgraphFilter, &viewer(), std::slice::from_ref(&unchecked)), [0u64; 0]);
        assert_eq!(kept(&AuthorSocialgraphFilter, &query(), &[unchecked]), [1]);
    }

    #[test]
    fn reasons_print_ids_as_the_data_set_writes_them() {
        let blocking =
            |id: u64| UserFeatures { blocked_user_ids: [UserId(id)].into_iter().collect(), ..Default::default() };
        let signed = ScoredPostsQuery {
            user_features: query_with(blocking(u64::MAX)).user_features,
            ..query_over(|p| p.ids.users = IdForm::Signed)
        };
        assert_eq!(
            reason(&AuthorSocialgraphFilter, &signed, by(1, u64::MAX)).unwrap(),
            "by -1, whom the viewer blocks"
        );
        let named = ScoredPostsQuery {
            user_features: query_with(blocking(7)).user_features,
            dictionary: dictionary(Namespace::Users, 7, "bob"),
            ..query_over(|p| p.ids.users = IdForm::Dictionary)
        };
        assert_eq!(reason(&AuthorSocialgraphFilter, &named, by(1, 7)).unwrap(), "by bob, whom the viewer blocks");
    }

    #[test]
    fn it_fails_closed() {
        let blind = ScoredPostsQuery { user_features: None, ..query() };
        assert!(try_kept(&AuthorSocialgraphFilter, &blind, &[by(1, 0)]).is_err());
        assert_eq!(policy(&AuthorSocialgraphFilter, &blind, &by(1, 0)), FilterPolicy::FailClosed);
    }
}
