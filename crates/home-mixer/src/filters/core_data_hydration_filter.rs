//! Removes posts whose data is incomplete.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use foryou_types::{Has, Profile};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Removes deleted posts, reposts and quotes of deleted posts, and posts without author or text where the profile says that the data has authors or text; in such data also posts whose
/// core data was not found at all. Data that has neither loses nothing here.
///
/// Empty text is text: a picture may say it all. A repost has no text of its own: `CoreDataCandidateHydrator` gives it its
/// original's, so a repost without text is one whose original is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoreDataHydrationFilter;

fn missing(profile: &Profile, candidate: &PostCandidate) -> Option<&'static str> {
    let (authors, text) = (profile.has(Has::Authors), profile.has(Has::Text));
    let core = candidate.core.as_deref();
    if core.is_some_and(|core| core.deleted) {
        Some("deleted")
    } else if core.is_some_and(|core| core.reposted_deleted) {
        Some("reposts a deleted post")
    } else if candidate.quoted_deleted {
        Some("quotes a deleted post")
    } else if (authors || text) && !candidate.core_data {
        Some("core data not found")
    } else if authors && candidate.author_id.is_none() {
        Some("no author")
    } else if text && candidate.tweet_text.is_none() {
        Some("no text")
    } else {
        None
    }
}

impl Filter<ScoredPostsQuery, PostCandidate> for CoreDataHydrationFilter {
    fn name(&self) -> &'static str {
        "CoreDataHydrationFilter"
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        for (i, candidate) in candidates.iter().enumerate() {
            if let Some(what) = missing(&query.profile, candidate) {
                keep.remove_because(i, || what.to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use foryou_types::UserId;
    use foryou_types::seams::CoreData;

    use super::*;
    use crate::filters::testing::{kept, post, query, query_over, reason, repost};

    fn cases() -> Vec<PostCandidate> {
        vec![
            post(1),
            PostCandidate { author_id: UserId::NONE, ..post(2) },
            PostCandidate { tweet_text: None, ..post(3) },
            PostCandidate { tweet_text: Some("".into()), ..post(4) },
            PostCandidate { core_data: false, ..post(5) },
            PostCandidate { author_id: UserId::NONE, tweet_text: None, core_data: false, ..post(6) },
            repost(7, 70, 71),
            PostCandidate { tweet_text: None, ..repost(8, 80, 81) },
        ]
    }

    #[test]
    fn only_what_the_profile_says_exists_is_asked_for() {
        let with = |has: &[Has]| kept(&CoreDataHydrationFilter, &query_over(|p| p.has = has.to_vec()), &cases());
        assert_eq!(with(&[Has::Authors, Has::Text]), [1, 4, 7]);
        assert_eq!(with(&[Has::Authors]), [1, 3, 4, 7, 8]);
        assert_eq!(with(&[Has::Text]), [1, 2, 4, 7]);
        assert_eq!(with(&[Has::Graph, Has::Media]), [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_was_deleted_goes_and_takes_reposts_and_quotes_along() {
        let with = |id, core| PostCandidate { core: Some(Arc::new(core)), ..post(id) };
        let posts = [
            with(1, CoreData::default()),
            with(2, CoreData { deleted: true, ..CoreData::default() }),
            with(3, CoreData { reposted_deleted: true, ..CoreData::default() }),
            PostCandidate { quoted_deleted: true, ..post(4) },
        ];
        assert_eq!(kept(&CoreDataHydrationFilter, &query_over(|p| p.has = Vec::new()), &posts), [1]);
        let why = |i: usize| reason(&CoreDataHydrationFilter, &query(), posts[i].clone()).unwrap();
        assert_eq!([1, 2, 3].map(why), ["deleted", "reposts a deleted post", "quotes a deleted post"]);
    }

    #[test]
    fn the_reason_names_what_is_missing() {
        let why = |i: usize| reason(&CoreDataHydrationFilter, &query(), cases().remove(i));
        assert_eq!(why(1).as_deref(), Some("no author"));
        assert_eq!(why(2).as_deref(), Some("no text"));
        assert_eq!(why(4).as_deref(), Some("core data not found"));
    }
}
