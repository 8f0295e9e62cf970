//! Posts the viewer has seen.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use foryou_types::PostId;
use rustc_hash::FxHashSet;

use crate::bloom::ImpressionBloomFilters;
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

const NAME: &str = "PreviouslySeenPostsFilter";
/// Candidates between two looks at the clock.
const TILE: usize = 64;

/// Removes posts that the viewer has seen, by the ids of the request, its bloom filters and the server's own record of
/// impressions; with the profile's `acted_is_seen` also posts the viewer acted on. A post counts as seen when itself, the post
/// it reposts or the post it answers was.
///
/// A record that could not be fetched does not fail the filter, which would let through what the request itself says is seen:
/// the query hydrator's failure is reported, and the rest still counts. Malformed bloom filters are ignored; see
/// [`ImpressionBloomFilterEntry::check`](crate::bloom::ImpressionBloomFilterEntry::check). When the time is over, the remaining
/// posts are checked without the bloom filters, which is reported, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct PreviouslySeenPostsFilter;

impl Filter<ScoredPostsQuery, PostCandidate> for PreviouslySeenPostsFilter {
    fn name(&self) -> &'static str {
        NAME
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        budget: &Budget,
    ) -> Result<(), StageError> {
        let listed: FxHashSet<PostId> = query.seen_ids.iter().copied().collect();
        let blooms = ImpressionBloomFilters::new(&query.bloom_filter_entries);
        let record = query.history.as_deref();
        let why_seen = |candidate: &PostCandidate, id: PostId, in_time: bool| {
            if listed.contains(&id) {
                Some("seen, as the request says")
            } else if record.is_some_and(|record| record.seen.contains(&id)) {
                Some("has an impression")
            } else if query.profile.acted_is_seen && candidate.acted_on == Some(id) {
                Some("acted on")
            } else if in_time && blooms.contains(id) {
                Some("in a bloom filter of the request")
            } else {
                None
            }
        };
        let mut in_time = true;
        for (i, candidate) in candidates.iter().enumerate() {
            if in_time && i % TILE == 0 && !query.bloom_filter_entries.is_empty() && budget.is_spent() {
                in_time = false;
                query
                    .notes
                    .degrade(NAME, format!("no time to ask the bloom filters about {} posts", candidates.len() - i));
            }
            if let Some((id, why)) =
                super::related_ids(candidate).find_map(|id| Some((id, why_seen(candidate, id, in_time)?)))
            {
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
    use crate::bloom::ImpressionBloomFilterEntry;
    use crate::filters::testing::{kept, post, query, query_over, reason, reply, repost};
    use crate::query::ViewerRecord;

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
            assert_eq!(kept(&PreviouslySeenPostsFilter, &listed, &candidates()), left, "listed {seen}");

            let record = ViewerRecord { seen: ids(&[seen]), ..ViewerRecord::default() };
            let recorded = ScoredPostsQuery { history: Some(Arc::new(record)), ..query() };
            assert_eq!(kept(&PreviouslySeenPostsFilter, &recorded, &candidates()), left, "recorded {seen}");

            let bloom = ImpressionBloomFilterEntry::from_ids(&[PostId(seen)], 5, query().now);
            let bloomed = ScoredPostsQuery { bloom_filter_entries: vec![bloom], ..query() };
            assert_eq!(kept(&PreviouslySeenPostsFilter, &bloomed, &candidates()), left, "bloomed {seen}");
        }
    }

    #[test]
    fn several_bloom_filters_are_a_union_and_malformed_ones_are_harmless() {
        let entry = |id, seed| ImpressionBloomFilterEntry::from_ids(&[PostId(id)], seed, query().now);
        let broken = ImpressionBloomFilterEntry { bits: vec![0xFF; 8], num_hashes: 0, ..Default::default() };
        let entries = vec![entry(1, 1), broken, ImpressionBloomFilterEntry::default(), entry(4, 2)];
        let query = ScoredPostsQuery { bloom_filter_entries: entries, ..query() };
        assert_eq!(kept(&PreviouslySeenPostsFilter, &query, &candidates()), [2, 3]);
    }

    #[test]
    fn without_time_the_bloom_filters_are_not_asked() {
        let bloom = ImpressionBloomFilterEntry::from_ids(&[PostId(1)], 5, query().now);
        let query = ScoredPostsQuery { bloom_filter_entries: vec![bloom], seen_ids: vec![PostId(4)], ..query() };
        let candidates = candidates();
        let mut keep = KeepMask::all(candidates.len());
        let spent = Budget::lasting(std::time::Duration::ZERO);
        PreviouslySeenPostsFilter.filter(&query, &candidates, &mut keep, &spent).unwrap();
        let left: Vec<_> = keep.kept().map(|i| candidates[i].tweet_id.0).collect();
        assert_eq!(left, [1, 2, 3]);
        assert_eq!(query.notes.degraded()[0].component, NAME);
    }

    #[test]
    fn acted_on_is_seen_where_the_profile_says_so() {
        let mut candidates = candidates();
        candidates[1].acted_on = Some(PostId(20));
        candidates[3].acted_on = Some(PostId(4));
        assert_eq!(kept(&PreviouslySeenPostsFilter, &query(), &candidates), [1, 3]);
        let no = query_over(|p| p.acted_is_seen = false);
        assert_eq!(kept(&PreviouslySeenPostsFilter, &no, &candidates), [1, 2, 3, 4]);
    }

    #[test]
    fn without_the_record_the_request_still_counts() {
        let query = ScoredPostsQuery { seen_ids: vec![PostId(4)], history: None, ..query() };
        assert_eq!(kept(&PreviouslySeenPostsFilter, &query, &candidates()), [1, 2, 3]);
        assert_eq!(
            reason(&PreviouslySeenPostsFilter, &query, repost(9, 4, 40)).as_deref(),
            Some("4: seen, as the request says")
        );
    }

    #[test]
    fn served_is_not_seen() {
        let record = ViewerRecord { served: ids(&[1]), ..ViewerRecord::default() };
        let query = ScoredPostsQuery { history: Some(Arc::new(record)), ..query() };
        assert_eq!(kept(&PreviouslySeenPostsFilter, &query, &candidates()), [1, 2, 3, 4]);
    }
}
