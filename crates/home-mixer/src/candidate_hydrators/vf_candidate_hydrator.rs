//! Whether a post may be shown to the viewer.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Hydrator, StageError};
use foryou_types::PostId;
use foryou_types::seams::{Visibility, VisibilityFiltering, VisibilityRequest};

use super::{CoreDataCandidateHydrator, all_well};
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Fetches the visibility verdict of the few posts that were selected, each together with the posts it answers, reposts and
/// quotes and those above it in its thread. Those that [`TwinVisibilityHydrator`](super::TwinVisibilityHydrator) asked about are
/// not asked about again.
pub struct VFCandidateHydrator {
    visibility: Arc<dyn VisibilityFiltering>,
}

impl VFCandidateHydrator {
    /// The component's name.
    pub const NAME: &'static str = "VFCandidateHydrator";

    /// From this service.
    pub fn new(visibility: Arc<dyn VisibilityFiltering>) -> Self {
        Self { visibility }
    }
}

#[async_trait]
impl Hydrator<ScoredPostsQuery, PostCandidate> for VFCandidateHydrator {
    /// `None` for a post that was judged before.
    type Fields = Option<Visibility>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn needs(&self) -> &'static [&'static str] {
        &[CoreDataCandidateHydrator::NAME]
    }

    async fn hydrate(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        _: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError> {
        let unchecked: Vec<_> = candidates.iter().filter(|c| !c.visibility_checked).collect();
        if unchecked.is_empty() {
            return Ok(all_well(candidates.iter().map(|_| None)));
        }
        let mut verdicts = verdicts(&*self.visibility, query, &unchecked).await?.into_iter();
        Ok(all_well(candidates.iter().map(|c| if c.visibility_checked { None } else { verdicts.next() })))
    }

    fn update(&self, candidate: &mut PostCandidate, verdict: Option<Visibility>) {
        if let Some(verdict) = verdict {
            set(candidate, verdict);
        }
    }
}

/// The verdict on each candidate, each together with the posts shown with it.
pub(super) async fn verdicts(
    visibility: &dyn VisibilityFiltering,
    query: &ScoredPostsQuery,
    candidates: &[&PostCandidate],
) -> Result<Vec<Visibility>, StageError> {
    let posts: Vec<_> = candidates
        .iter()
        .map(|c| VisibilityRequest { post_id: c.tweet_id, author_id: c.author_id, related: related(c) })
        .collect();
    let verdicts = visibility.verdicts(query.user_id, &posts, query.now).await;
    mixer_kit::one_each(verdicts, posts.len())
}

/// Writes a verdict down.
pub(super) fn set(candidate: &mut PostCandidate, verdict: Visibility) {
    candidate.visibility_reason = match verdict {
        Visibility::Allow => None,
        Visibility::Drop(reason) => Some(reason),
    };
    candidate.visibility_checked = true;
}

/// The other posts that are shown with a post, each once.
fn related(candidate: &PostCandidate) -> Vec<PostId> {
    let mut related = Vec::with_capacity(candidate.ancestors.len() + 3);
    let shown = [candidate.retweeted_tweet_id, candidate.quoted_tweet_id, candidate.in_reply_to_tweet_id];
    for post in shown.into_iter().flatten().chain(candidate.ancestors.iter().copied()) {
        if post != candidate.tweet_id && !related.contains(&post) {
            related.push(post);
        }
    }
    related
}
