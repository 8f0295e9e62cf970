//! Who wrote a post.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};
use foryou_types::UserId;
use foryou_types::seams::{Gizmoduck, UserProfile};

use super::{CoreDataCandidateHydrator, all_well, distinct};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Fetches name, followers and verification of authors, and the names of reposted authors; each person once. An unknown
/// person stays unknown. That is not a failure.
pub struct GizmoduckCandidateHydrator {
    gizmoduck: Arc<dyn Gizmoduck>,
}

/// What is known of the people behind one post.
#[derive(Clone, Debug, Default)]
pub struct People {
    author: Option<UserProfile>,
    retweeted_screen_name: Option<Arc<str>>,
}

impl GizmoduckCandidateHydrator {
    /// The component's name.
    pub const NAME: &'static str = "GizmoduckCandidateHydrator";

    /// From this service.
    pub fn new(gizmoduck: Arc<dyn Gizmoduck>) -> Self {
        Self { gizmoduck }
    }
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for GizmoduckCandidateHydrator {
    type Fields = People;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// In the public release this hydrator runs in parallel with the one that fills the author it needs, and never sees the author.
    fn needs(&self) -> &'static [&'static str] {
        &[CoreDataCandidateHydrator::NAME]
    }

    async fn hydrate(
        &self,
        _: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        let both = |c: &PostCandidate| [c.author_id.some(), c.retweeted_user_id];
        let (people, place) = distinct(candidates.iter().flat_map(both).flatten());
        if people.is_empty() {
            return Ok(all_well(candidates.iter().map(|_| People::default())));
        }
        let profiles = mixer_kit::one_each(self.gizmoduck.profiles(&people).await, people.len())?;
        let profile = |user: UserId| place.get(&user).and_then(|&i| profiles[i].as_ref());
        Ok(all_well(candidates.iter().map(|c| People {
            author: profile(c.author_id).cloned(),
            retweeted_screen_name: c.retweeted_user_id.and_then(profile).and_then(|p| p.screen_name.clone()),
        })))
    }

    fn update(&self, candidate: &mut PostCandidate, people: People) {
        candidate.retweeted_screen_name = people.retweeted_screen_name;
        if let Some(author) = people.author {
            // The documents' field has 32 bits.
            candidate.author_followers_count = Some(i32::try_from(author.followers).unwrap_or(i32::MAX));
            candidate.author_screen_name = author.screen_name;
            candidate.author_verified = Some(author.verified);
        }
    }
}
