//! One post of each conversation.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use rustc_hash::{FxBuildHasher, FxHashSet};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Keeps the best post of each conversation. After selection, when candidates stand in score order, so the best is the first.
///
/// A conversation is known by its first post ([`PostCandidate::conversation`]), never by the order of ids; a repost stands in the
/// conversation of the post it reposts. In a refill the filter is shown the posts it kept before in front of the new ones, and so
/// needs no memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct DedupConversationFilter;

impl Filter<ScoredPostsQuery, PostCandidate> for DedupConversationFilter {
    fn name(&self) -> &'static str {
        "DedupConversationFilter"
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
            let conversation = candidate.conversation();
            if !met.insert(conversation) {
                keep.remove_because(i, || format!("conversation {} has a better post", query.print_post(conversation)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::PostId;

    use super::*;
    use crate::filters::testing::{kept, post, query, reply, repost};

    fn in_thread(id: u64, ancestors: &[u64]) -> PostCandidate {
        PostCandidate { ancestors: ancestors.iter().map(|&id| PostId(id)).collect(), ..reply(id, ancestors[0]) }
    }

    fn keeps(posts: &[PostCandidate]) -> Vec<u64> {
        kept(&DedupConversationFilter, &query(), posts)
    }

    #[test]
    fn the_first_of_a_conversation_stays() {
        // Thread 10 <- 11 <- 12, thread 20 <- 21, and 30 alone.
        let (a, b) = (in_thread(11, &[10]), in_thread(12, &[11, 10]));
        assert_eq!(keeps(&[b.clone(), post(30), a.clone(), post(10), in_thread(21, &[20])]), [12, 30, 21]);
        assert_eq!(keeps(&[post(10), a, b]), [10]);
    }

    #[test]
    fn a_repost_stands_for_its_original() {
        assert_eq!(keeps(&[repost(40, 10, 1), in_thread(11, &[10]), repost(41, 50, 1)]), [40, 41]);
    }

    #[test]
    fn the_answered_post_is_an_ancestor_even_without_the_thread() {
        assert_eq!(keeps(&[reply(11, 10), reply(12, 10), post(10)]), [11]);
    }

    #[test]
    fn the_first_post_of_a_thread_need_not_have_the_smallest_id() {
        // 900 <- 100 <- 101 and 900 <- 950 <- 50 <- 60.
        let threads = [in_thread(101, &[100, 900]), in_thread(60, &[50, 950, 900]), in_thread(950, &[900]), post(900)];
        assert_eq!(keeps(&threads), [101]);
        // What the service says goes before what can be seen of the thread.
        let told = |id, root| PostCandidate { conversation_id: Some(PostId(root)), ..in_thread(id, &[7]) };
        assert_eq!(keeps(&[told(8, 7), told(9, 3), post(3)]), [8, 9]);
    }

    #[test]
    fn a_repost_of_a_reply_stands_in_its_thread() {
        let repost = PostCandidate { ancestors: vec![PostId(10)], ..repost(40, 11, 1) };
        assert_eq!(keeps(&[in_thread(12, &[11, 10]), repost]), [12]);
    }

    #[test]
    fn what_a_refill_shows_again_stays() {
        let first = keeps(&[post(10), in_thread(21, &[20])]);
        let again = keeps(&[post(10), in_thread(21, &[20]), in_thread(11, &[10]), post(30), post(20)]);
        assert_eq!((first, again), (vec![10, 21], vec![10, 21, 30]));
    }
}
