//! Posts that must not be shown.

use candidate_pipeline::{Budget, Filter, FilterPolicy, KeepMask, StageError};

use crate::candidate::PostCandidate;
use crate::params::MixerParams;
use crate::query::ScoredPostsQuery;
use foryou_types::seams::FilteredReason;

/// Removes posts whose visibility verdict is to drop them. After selection.
///
/// Where the verdict could not be fetched, an in-network post stays (the viewer chose its author) and any other goes, unless
/// [`MixerParams::visibility_fail_closed`] is off.
#[derive(Clone, Copy, Debug)]
pub struct VFFilter {
    fail_closed: bool,
}

impl VFFilter {
    /// A filter with the service's policy.
    pub const fn new(params: &MixerParams) -> Self {
        Self { fail_closed: params.visibility_fail_closed }
    }
}

impl VFFilter {
    /// Removes a candidate, number `i` of the mask, that must not be shown.
    pub(super) fn judge(&self, query: &ScoredPostsQuery, candidate: &PostCandidate, i: usize, keep: &mut KeepMask) {
        if let Some(reason) = &candidate.visibility_reason {
            keep.remove_because(i, || in_words(query, reason));
        } else if !candidate.visibility_checked && self.policy_for(query, candidate) == FilterPolicy::FailClosed {
            keep.remove_because(i, || "visibility unknown".to_owned());
        }
    }
}

fn in_words(query: &ScoredPostsQuery, reason: &FilteredReason) -> String {
    match reason {
        FilteredReason::PostLabel { label } => format!("labelled {label}"),
        FilteredReason::AuthorLabel { label } => format!("its author is labelled {label}"),
        FilteredReason::Deleted => "deleted".to_owned(),
        FilteredReason::ProtectedAuthor => "its author is protected".to_owned(),
        FilteredReason::SuspendedAuthor => "its author is suspended".to_owned(),
        FilteredReason::Related { post_id, because } => {
            format!("related post {}: {}", query.print_post(*post_id), in_words(query, because))
        }
    }
}

impl Filter<ScoredPostsQuery, PostCandidate> for VFFilter {
    fn name(&self) -> &'static str {
        "VFFilter"
    }

    fn policy_for(&self, _: &ScoredPostsQuery, candidate: &PostCandidate) -> FilterPolicy {
        if self.fail_closed && candidate.in_network != Some(true) {
            FilterPolicy::FailClosed
        } else {
            FilterPolicy::FailOpen
        }
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        for (i, candidate) in candidates.iter().enumerate() {
            self.judge(query, candidate, i, keep);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::PostId;

    use super::*;
    use crate::filters::testing::{kept, policy, post, query, reason};

    fn filter() -> VFFilter {
        VFFilter::new(&MixerParams::default())
    }

    fn dropped(id: u64, in_network: bool) -> PostCandidate {
        PostCandidate {
            visibility_reason: Some(FilteredReason::PostLabel { label: "spam".to_owned() }),
            in_network: Some(in_network),
            ..post(id)
        }
    }

    fn unchecked(id: u64, in_network: Option<bool>) -> PostCandidate {
        PostCandidate { visibility_checked: false, in_network, ..post(id) }
    }

    #[test]
    fn a_verdict_to_drop_drops_whoever_wrote_it() {
        assert_eq!(kept(&filter(), &query(), &[post(1), dropped(2, false), dropped(3, true)]), [1]);
    }

    #[test]
    fn an_unknown_verdict_fails_closed_out_of_network() {
        let posts = [unchecked(1, Some(true)), unchecked(2, Some(false)), unchecked(3, None), post(4)];
        assert_eq!(kept(&filter(), &query(), &posts), [1, 4]);
        let open = VFFilter::new(&MixerParams { visibility_fail_closed: false, ..MixerParams::default() });
        assert_eq!(kept(&open, &query(), &posts), [1, 2, 3, 4]);
    }

    #[test]
    fn its_own_failure_has_the_same_policy() {
        let policies = |filter: &VFFilter| [true, false].map(|i| policy(filter, &query(), &unchecked(1, Some(i))));
        assert_eq!(policies(&filter()), [FilterPolicy::FailOpen, FilterPolicy::FailClosed]);
        let open = VFFilter { fail_closed: false };
        assert_eq!(policies(&open), [FilterPolicy::FailOpen, FilterPolicy::FailOpen]);
    }

    #[test]
    fn the_reason_is_passed_on() {
        let because = Box::new(FilteredReason::SuspendedAuthor);
        let related = PostCandidate {
            visibility_reason: Some(FilteredReason::Related { post_id: PostId(9), because }),
            ..post(1)
        };
        assert_eq!(reason(&filter(), &query(), related).unwrap(), "related post 9: its author is suspended");
        assert_eq!(reason(&filter(), &query(), dropped(1, true)).unwrap(), "labelled spam");
    }
}
