//! One of a post and its reposts.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use mixer_kit::Ranked;
use rustc_hash::{FxBuildHasher, FxHashSet};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Keeps the first of a post and its reposts, the original included; reposts of reposts count as reposts of the original.
///
/// The last filter before scoring, so that it chooses among posts that may all be shown. With [`MixerParams::january_retweet_dedup`]
/// it stands where the public release has it, before the filters that judge who reposted.
///
/// [`MixerParams::january_retweet_dedup`]: crate::params::MixerParams::january_retweet_dedup
#[derive(Clone, Copy, Debug, Default)]
pub struct RetweetDeduplicationFilter;

impl Filter<ScoredPostsQuery, PostCandidate> for RetweetDeduplicationFilter {
    fn name(&self) -> &'static str {
        "RetweetDeduplicationFilter"
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        let mut met = FxHashSet::with_capacity_and_hasher(candidates.len(), FxBuildHasher);
        for (i, candidate) in candidates.iter().enumerate() {
            let original = candidate.original_id();
            if !met.insert(original) {
                keep.remove_because(i, || {
                    format!("post {} is shown already, as it is or reposted", query.print_post(original))
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::{kept, post, query, repost};

    #[test]
    fn the_first_of_a_post_and_its_reposts_wins() {
        let keeps = |posts: &[PostCandidate]| kept(&RetweetDeduplicationFilter, &query(), posts);
        assert_eq!(keeps(&[repost(1, 9, 90), post(9), repost(2, 9, 90), repost(3, 8, 80)]), [1, 3]);
        assert_eq!(keeps(&[post(9), repost(1, 9, 90), post(2)]), [9, 2]);
        // A post that quotes or answers another is a post of its own.
        let quote = PostCandidate { quoted_tweet_id: Some(post(9).tweet_id), ..post(4) };
        assert_eq!(keeps(&[post(9), quote]), [9, 4]);
    }
}
