//! Posts the viewer has seen.

use mixer_kit::SeenFilter;

const NAME: &str = "PreviouslySeenPostsFilter";

/// Removes posts that the viewer has seen, by the ids of the request, its bloom filters and the server's own record of
/// impressions; with the profile's `acted_is_seen` also posts the viewer acted on. A post counts as seen when itself, the post
/// it reposts or the post it answers was.
pub const fn previously_seen_posts_filter() -> SeenFilter {
    SeenFilter::new(NAME)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candidate_pipeline::{Budget, Filter, KeepMask};
    use foryou_types::PostId;
    use mixer_kit::ImpressionBloomFilterEntry;
    use rustc_hash::FxHashSet;

    use super::*;
    use crate::candidate::PostCandidate;
    use crate::filters::testing::{kept, post, query, query_over, reason, reply, repost};
    use crate::query::{ScoredPostsQuery, ViewerRecord};

    fn ids(ids: &[u64]) -> FxHashSet<PostId> {
        ids.iter().map(|&id| PostId(id)).collect()
    }

    fn candidates() -> Vec<PostCandidate> {
        vec![post(1), repost(2, 20, 200), reply(3, 30), post(4)]
    }

    #[test]
    fn own_reposted_and_answered_ids_count() {
        for (seen, left) in
            [(1, vec![2, 3, 4]), (2, vec![1, 3, 4]), (20, vec![1, 3, 4]), (30, vec![1, 2, 4]), (99, vec![1, 2, 3, 4])]
        {
            let listed = ScoredPostsQuery { seen_ids: vec![PostId(seen)], ..query() };
            assert_eq!(kept(&previously_seen_posts_filter(), &listed, &candidates()), left, "listed {seen}");

            let record = ViewerRecord { seen: ids(&[seen]), ..ViewerRecord::default() };
            let recorded = ScoredPostsQuery { history: Some(Arc::new(record)), ..query() };
            assert_eq!(kept(&previously_seen_posts_filter(), &recorded, &candidates()), left, "recorded {seen}");

            let bloom = ImpressionBloomFilterEntry::from_ids(&[PostId(seen)], 5, query().now);
            let bloomed = ScoredPostsQuery { bloom_filter_entries: vec![bloom], ..query() };
            assert_eq!(kept(&previously_seen_posts_filter(), &bloomed, &candidates()), left, "bloomed {seen}");
        }
    }

    #[test]
    fn several_bloom_filters_are_a_union_and_malformed_ones_are_harmless() {
        let entry = |id, seed| ImpressionBloomFilterEntry::from_ids(&[PostId(id)], seed, query().now);
        let broken = ImpressionBloomFilterEntry { bits: vec![0xFF; 8], num_hashes: 0, ..Default::default() };
        let entries = vec![entry(1, 1), broken, ImpressionBloomFilterEntry::default(), entry(4, 2)];
        let query = ScoredPostsQuery { bloom_filter_entries: entries, ..query() };
        assert_eq!(kept(&previously_seen_posts_filter(), &query, &candidates()), [2, 3]);
    }

    #[test]
    fn without_time_the_bloom_filters_are_not_asked() {
        let bloom = ImpressionBloomFilterEntry::from_ids(&[PostId(1)], 5, query().now);
        let query = ScoredPostsQuery { bloom_filter_entries: vec![bloom], seen_ids: vec![PostId(4)], ..query() };
        let candidates = candidates();
        let mut keep = KeepMask::all(candidates.len());
        let spent = Budget::lasting(std::time::Duration::ZERO);
        previously_seen_posts_filter().filter(&query, &candidates, &mut keep, &spent).unwrap();
        let left: Vec<_> = keep.kept().map(|i| candidates[i].tweet_id.0).collect();
        assert_eq!(left, [1, 2, 3]);
        assert_eq!(query.notes.degraded()[0].component, NAME);
    }

    #[test]
    fn acted_on_is_seen_where_the_profile_says_so() {
        let mut candidates = candidates();
        candidates[1].acted_on = Some(PostId(20));
        candidates[3].acted_on = Some(PostId(4));
        assert_eq!(kept(&previously_seen_posts_filter(), &query(), &candidates), [1, 3]);
        let no = query_over(|p| p.acted_is_seen = false);
        assert_eq!(kept(&previously_seen_posts_filter(), &no, &candidates), [1, 2, 3, 4]);
    }

    #[test]
    fn without_the_record_the_request_still_counts() {
        let query = ScoredPostsQuery { seen_ids: vec![PostId(4)], history: None, ..query() };
        assert_eq!(kept(&previously_seen_posts_filter(), &query, &candidates()), [1, 2, 3]);
        assert_eq!(
            reason(&previously_seen_posts_filter(), &query, repost(9, 4, 40)).as_deref(),
            Some("4: seen, as the request says")
        );
    }

    #[test]
    fn served_is_not_seen() {
        let record = ViewerRecord { served: ids(&[1]), ..ViewerRecord::default() };
        let query = ScoredPostsQuery { history: Some(Arc::new(record)), ..query() };
        assert_eq!(kept(&previously_seen_posts_filter(), &query, &candidates()), [1, 2, 3, 4]);
    }
}
