//! Replies and reposts by strangers.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};

use crate::candidate::PostCandidate;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;

/// Removes out-of-network replies and reposts, where the service is set to.
///
/// A post whose in-network mark is not known stays.
#[derive(Clone, Copy, Debug)]
pub struct OutOfNetworkRetweetReplyFilter {
    enabled: bool,
}

impl OutOfNetworkRetweetReplyFilter {
    /// A filter that takes part where [`MixerParams::filter_oon_replies_and_reposts`] says so.
    pub const fn new(params: &MixerParams) -> Self {
        Self { enabled: params.filter_oon_replies_and_reposts }
    }
}

impl Filter<ScoredPostsQuery, PostCandidate> for OutOfNetworkRetweetReplyFilter {
    fn name(&self) -> &'static str {
        "OutOfNetworkRetweetReplyFilter"
    }

    fn enable(&self, _: &ScoredPostsQuery) -> bool {
        self.enabled
    }

    fn filter(
        &self,
        _: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        for (i, candidate) in candidates.iter().enumerate() {
            if candidate.in_network == Some(false) && !candidate.is_original() {
                keep.remove_because(i, || "a reply or repost from out of network".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::{enabled, kept, post, query, reply, repost};

    #[test]
    fn only_replies_and_reposts_by_strangers_go() {
        let filter = OutOfNetworkRetweetReplyFilter { enabled: true };
        let posts = [
            post(1),
            reply(2, 20),
            repost(3, 30, 31),
            PostCandidate { in_network: Some(true), ..reply(4, 40) },
            PostCandidate { in_network: Some(true), ..repost(5, 50, 51) },
            PostCandidate { in_network: None, ..reply(6, 60) },
        ];
        assert_eq!(kept(&filter, &query(), &posts), [1, 4, 5, 6]);
    }

    #[test]
    fn it_is_a_switch() {
        let on = MixerParams { filter_oon_replies_and_reposts: true, ..MixerParams::default() };
        assert!(enabled(&OutOfNetworkRetweetReplyFilter::new(&on), &query()));
        assert!(!enabled(&OutOfNetworkRetweetReplyFilter::new(&MixerParams::default()), &query()));
    }
}
