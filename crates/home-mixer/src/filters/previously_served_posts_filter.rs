//! Posts the viewer was served a moment ago.

use mixer_kit::ServedFilter;

use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;

/// Removes posts that were served before, by the ids of the request and by the server's own record, whose window
/// (`served_window_seconds` and `served_window_posts` of the profile) its query hydrator has applied. As with seen posts, a
/// repost of a served post and an answer to one count as served.
pub fn previously_served_posts_filter(params: &MixerParams) -> ServedFilter<ScoredPostsQuery> {
    ServedFilter::new("PreviouslyServedPostsFilter", served_counts(params))
}

/// Whether served posts are hidden from a request: always, or by the January rule, a switch, in requests for more at the bottom
/// only, so that a refresh may show the same posts again.
pub fn served_counts(params: &MixerParams) -> fn(&ScoredPostsQuery) -> bool {
    if params.january_previously_served { |query| query.is_bottom_request } else { |_| true }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use foryou_types::PostId;
    use rustc_hash::FxHashSet;

    use super::*;
    use crate::filters::testing::{enabled, kept, post, query, reply, repost};
    use crate::query::ViewerRecord;

    fn filter() -> ServedFilter<ScoredPostsQuery> {
        previously_served_posts_filter(&MixerParams::default())
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
        let january =
            previously_served_posts_filter(&MixerParams { january_previously_served: true, ..MixerParams::default() });
        let bottom = ScoredPostsQuery { is_bottom_request: true, ..query() };
        assert_eq!([enabled(&january, &query()), enabled(&january, &bottom)], [false, true]);
        assert_eq!([enabled(&filter(), &query()), enabled(&filter(), &bottom)], [true, true]);
    }
}
