//! Feeds of some topics.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Keeps posts that have at least one of the topics the request names, where it names any. A post without topics goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct TopicFilter;

impl Filter<ScoredPostsQuery, PostCandidate> for TopicFilter {
    fn name(&self) -> &'static str {
        "TopicFilter"
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        !query.topic_ids.is_empty()
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        for (i, candidate) in candidates.iter().enumerate() {
            if !candidate.topics.iter().any(|topic| query.topic_ids.contains(topic)) {
                keep.remove_because(i, || format!("of the topics {:?}", candidate.topics));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::{enabled, kept, post, query};

    #[test]
    fn one_of_the_topics_is_enough() {
        let about = |id, topics: &[u32]| PostCandidate { topics: topics.to_vec(), ..post(id) };
        let posts = [about(1, &[3]), about(2, &[4, 5]), about(3, &[6]), about(4, &[])];
        let query = ScoredPostsQuery { topic_ids: vec![3, 5], ..query() };
        assert!(enabled(&TopicFilter, &query));
        assert_eq!(kept(&TopicFilter, &query, &posts), [1, 2]);
    }

    #[test]
    fn without_topics_asked_it_takes_no_part() {
        assert!(!enabled(&TopicFilter, &query()));
    }
}
