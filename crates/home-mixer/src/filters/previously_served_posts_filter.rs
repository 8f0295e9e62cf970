//! Posts the viewer was served a moment ago.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use foryou_types::PostId;
use rustc_hash::FxHashSet;

use crate::candidate::PostCandidate;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;

/// Removes posts that were served before, by the ids of the request and by the server's own record, whose window
/// (`served_window_seconds` and `served_window_posts` of the profile) its query hydrator has applied. As with seen posts, a
/// repost of a served post and an answer to one count as served.
///
/// The January rule, a switch: it takes part in requests for more at the bottom only, so that a refresh may show the same
/// posts again.
#[derive(Clone, Copy, Debug)]
pub struct PreviouslyServedPostsFilter {
    bottom_requests_only: bool,
}

impl PreviouslyServedPostsFilter {
    /// A filter by the January rule where [`MixerParams::january_previously_served`] says so.
    pub const fn new(params: &MixerParams) -> Self {
        Self { bottom_requests_only: params.january_previously_served }
    }
}

impl Filter<ScoredPostsQuery, PostCandidate> for PreviouslyServedPostsFilter {
    fn name(&self) -> &'static str {
        "PreviouslyServedPostsFilter"
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        query.is_bottom_request || !self.bottom_requests_only
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        let listed: FxHashSet<PostId> = query.served_ids.iter().copied().collect();
        let recorded = query.history.as_deref().map(|record| &record.served);
        let why_served = |id: PostId| {
            if listed.contains(&id) {
                Some("served, as the request says")
            } else if recorded.is_some_and(|served| served.contains(&id)) {
                Some("served a moment ago")
            } else {
                None
            }
        };
        for (i, candidate) in candidates.iter().enumerate() {
            if let Some((id, why)) = super::related_ids(candidate).find_map(|id| Some((id, why_served(id)?))) {
                keep.remove_because(i, || format!("{}: {why}", query.print_post(id)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filters::testing::{enabled, kept, post, query, reply, repost};
    use crate::query::ViewerRecord;

    fn filter() -> PreviouslyServedPostsFilter {
        PreviouslyServedPostsFilter::new(&MixerParams::default())
    }

    #[test]
    fn the_request_and_the_record_both_count() {
        let record = ViewerRecord { served: [PostId(2)].into_iter().collect(), ..ViewerRecord::default() };
        let query = ScoredPostsQuery { served_ids: vec![PostId(1)], history: Some(Arc::new(record)), ..query() };
        let posts = [post(1), post(2), post(3), repost(4, 1, 9), reply(5, 2), reply(6, 3)];
        assert_eq!(kept(&filter(), &query, &posts), [3, 6]);
    }

    #[test]
    fn without_the_record_the_request_still_counts() {
        let query = ScoredPostsQuery { served_ids: vec![PostId(1)], history: None, ..query() };
        assert_eq!(kept(&filter(), &query, &[post(1), post(2)]), [2]);
    }

    #[test]
    fn seen_and_acted_on_are_not_served() {
        let all: FxHashSet<_> = [PostId(1)].into_iter().collect();
        let record = ViewerRecord { seen: all, ..ViewerRecord::default() };
        let query = ScoredPostsQuery { history: Some(Arc::new(record)), ..query() };
        assert_eq!(kept(&filter(), &query, &[post(1)]), [1]);
    }

    #[test]
    fn the_january_rule_is_for_bottom_requests_only() {
        let january = PreviouslyServedPostsFilter::new(&MixerParams {
            january_previously_served: true,
            ..MixerParams::default()
        });
        let bottom = ScoredPostsQuery { is_bottom_request: true, ..query() };
        assert_eq!([enabled(&january, &query()), enabled(&january, &bottom)], [false, true]);
        assert_eq!([enabled(&filter(), &query()), enabled(&filter(), &bottom)], [true, true]);
    }
}
