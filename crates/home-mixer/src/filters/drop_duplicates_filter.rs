//! Each post once, whatever number of sources gave it.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use rustc_hash::{FxBuildHasher, FxHashSet};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Keeps the first occurrence of each post id, so that the source that stands first in the pipeline gets the credit.
///
/// A post and its reposts have different ids; see [`RetweetDeduplicationFilter`](super::RetweetDeduplicationFilter).
#[derive(Clone, Copy, Debug, Default)]
pub struct DropDuplicatesFilter;

impl Filter<ScoredPostsQuery, PostCandidate> for DropDuplicatesFilter {
    fn name(&self) -> &'static str {
        "DropDuplicatesFilter"
    }

    fn filter(
        &self,
        _: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        let mut met = FxHashSet::with_capacity_and_hasher(candidates.len(), FxBuildHasher);
        for (i, candidate) in candidates.iter().enumerate() {
            if !met.insert(candidate.tweet_id) {
                keep.remove_because(i, || "given before".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candidate_pipeline::FilterPolicy;
    use proptest::prelude::*;

    use super::*;
    use crate::candidate::ServedType;
    use crate::filters::testing::{kept, policy, post, query};

    #[test]
    fn the_first_occurrence_wins() {
        let mut candidates = vec![post(7), post(8), post(7), post(7), post(9)];
        candidates[0].served_type = Some(ServedType::Thunder);
        candidates[2].served_type = Some(ServedType::Popular);
        let mut keep = KeepMask::all(candidates.len());
        DropDuplicatesFilter.filter(&query(), &candidates, &mut keep, &Budget::UNLIMITED).unwrap();
        assert_eq!(keep.kept().collect::<Vec<_>>(), [0, 1, 4]);
        assert_eq!(policy(&DropDuplicatesFilter, &query(), &post(1)), FilterPolicy::FailOpen);
    }

    proptest! {
        #[test]
        fn every_id_stays_exactly_once_and_in_order(ids in prop::collection::vec(1u64..30, 0..80)) {
            let candidates: Vec<_> = ids.iter().map(|&id| post(id)).collect();
            let mut first = Vec::new();
            for id in ids {
                if !first.contains(&id) {
                    first.push(id);
                }
            }
            prop_assert_eq!(kept(&DropDuplicatesFilter, &query(), &candidates), first);
        }
    }
}
