//! What counts as wanted and as unwanted: the examples of retrieval.

use foryou_types::{ActionKind, ActionMask, ActionSet};
use phoenix::Candidate;

/// The discrete actions of a set whose weight satisfies a condition.
fn mask(set: &ActionSet, condition: impl Fn(f64) -> bool) -> ActionMask {
    let mut mask = ActionMask::default();
    for (index, action) in set.iter() {
        if action.kind == ActionKind::Discrete && condition(action.weight) {
            mask.insert(index);
        }
    }
    mask
}

/// The discrete actions with a positive weight.
pub fn positive_actions(set: &ActionSet) -> ActionMask {
    mask(set, |weight| weight > 0.0)
}

/// The discrete actions with a negative weight: report, block, mute, not interested.
fn negative_actions(set: &ActionSet) -> ActionMask {
    mask(set, |weight| weight < 0.0)
}

/// Whether the viewer wanted the post: an action of positive weight and none of negative weight. Looking alone does not count.
pub fn is_positive(candidate: &Candidate, set: &ActionSet) -> bool {
    candidate.labels.0 & positive_actions(set).0 != 0 && !is_hard_negative(candidate, set)
}

/// Whether the viewer turned the post down: an action of negative weight.
pub(crate) fn is_hard_negative(candidate: &Candidate, set: &ActionSet) -> bool {
    candidate.labels.0 & negative_actions(set).0 != 0
}

#[cfg(test)]
mod tests {
    use phoenix::CandidateItem;

    use super::*;

    fn with(actions: &[&str]) -> Candidate {
        let set = ActionSet::for_you();
        let mut labels = ActionMask::default();
        for action in actions {
            labels.insert(set.index_of(action).unwrap());
        }
        Candidate {
            item: CandidateItem::default(),
            cutoff: 0,
            labels,
            dwell_seconds: 9.0,
            weight: 1.0,
            slate: 0,
            training_impressions: 0,
        }
    }

    #[test]
    fn wanted_unwanted_and_neither() {
        let set = ActionSet::for_you();
        let both = |actions: &[&str]| (is_positive(&with(actions), &set), is_hard_negative(&with(actions), &set));
        assert_eq!(both(&["favorite"]), (true, false));
        assert_eq!(both(&["click", "report"]), (false, true));
        assert_eq!(both(&["mute_author"]), (false, true));
        // Weight 0, and a mere look.
        assert_eq!(both(&["dwell", "profile_click"]), (false, false));
        assert_eq!(both(&[]), (false, false));
    }
}
