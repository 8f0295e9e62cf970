//! The outcomes of the posts that were shown.
//!
//! * An action of a person on a post belongs to the latest impression of that post to that person at or before the moment from
//!   which it counts, in whatever order the two stand in the log. An action without one is not a label.
//! * Only actions that stand at the end count: an action taken again while it stands counts once, and one that was taken back does not
//!   count.
//! * Attention is summed over an impression and cannot be taken back.
//!
//! Impressions (24 bytes each) are collected and brought together with what stands (40 bytes an act) at the end, by sorting. Where
//! only the slates from some moment on are wanted, those before it need not be: an action on a wanted slate comes at or after it,
//! and finds it before any earlier one.

use foryou_types::{ActionMask, PostId, TimeMs};

/// The outcome of one candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The discrete actions taken.
    pub(crate) actions: ActionMask,
    /// Milliseconds of attention.
    pub(crate) dwell_ms: u32,
}

impl Outcome {
    fn add(&mut self, actions: ActionMask, dwell_ms: u32) {
        self.actions.0 |= actions.0;
        self.dwell_ms = self.dwell_ms.saturating_add(dwell_ms);
    }

    /// Seconds of attention, clipped as the continuous head is.
    pub(crate) fn dwell_seconds(self) -> f32 {
        phoenix::dwell_seconds(self.dwell_ms)
    }

    /// Whether nothing was done and nothing looked at.
    pub(crate) fn is_nothing(self) -> bool {
        self.actions.is_empty() && self.dwell_ms == 0
    }
}

/// A post shown to a viewer.
#[derive(Clone, Copy)]
struct Shown {
    viewer: u32,
    post: PostId,
    at: TimeMs,
    /// Number of its outcome.
    label: u32,
}

/// What a viewer did that stands.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    /// Place of the viewer.
    pub(crate) viewer: u32,
    /// The post, of a repost the original.
    pub(crate) post: PostId,
    /// From when on it counts.
    pub(crate) at: TimeMs,
    /// The discrete action; none where it is only attention.
    pub(crate) actions: ActionMask,
    /// Milliseconds of attention.
    pub(crate) dwell_ms: u32,
}

/// The outcomes of all candidates, by number.
#[derive(Default)]
pub(crate) struct Labels {
    outcomes: Vec<Outcome>,
    shown: Vec<Shown>,
}

impl Labels {
    /// Numbers a candidate whose outcome comes from [`Self::note`].
    pub(crate) fn add(&mut self) -> u32 {
        self.outcomes.push(Outcome::default());
        self.outcomes.len() as u32 - 1
    }

    /// Numbers a post shown to a viewer, whose outcome comes from [`Self::finish`].
    pub(crate) fn show(&mut self, viewer: u32, post: PostId, at: TimeMs) -> u32 {
        let label = self.add();
        self.shown.push(Shown { viewer, post, at, label });
        label
    }

    /// Adds to the outcome of a candidate.
    pub(crate) fn note(&mut self, label: u32, actions: ActionMask, dwell_ms: u32) {
        if let Some(outcome) = self.outcomes.get_mut(label as usize) {
            outcome.add(actions, dwell_ms);
        }
    }

    /// How many outcomes and impressions are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> [usize; 2] {
        [self.outcomes.len(), self.shown.len()]
    }

    /// The outcomes, by number. `original`: the post that a post stands for by now.
    pub(crate) fn finish(mut self, mut taken: Vec<Taken>, original: impl Fn(PostId) -> PostId) -> Vec<Outcome> {
        self.shown.iter_mut().for_each(|shown| shown.post = original(shown.post));
        self.shown.sort_unstable_by_key(|s| (s.viewer, s.post, s.at, s.label));
        taken.sort_unstable_by_key(|t| (t.viewer, t.post, t.at));
        for taken in taken {
            let key = (taken.viewer, taken.post, taken.at);
            let before = &self.shown[..self.shown.partition_point(|s| (s.viewer, s.post, s.at) <= key)];
            let latest = before.last().filter(|s| (s.viewer, s.post) == (taken.viewer, taken.post));
            if let Some(outcome) = latest.and_then(|shown| self.outcomes.get_mut(shown.label as usize)) {
                outcome.add(taken.actions, taken.dwell_ms);
            }
        }
        self.outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foryou_types::ActionIndex;

    fn taken(at: i64, action: ActionIndex) -> Taken {
        Taken { viewer: 0, post: PostId(1), at: TimeMs(at), actions: ActionMask::of(action), dwell_ms: 0 }
    }

    fn outcomes(shown_at: &[i64], taken: &[Taken]) -> Vec<u64> {
        let mut labels = Labels::default();
        for &at in shown_at {
            labels.show(0, PostId(1), TimeMs(at));
        }
        labels.finish(taken.to_vec(), |post| post).into_iter().map(|o| o.actions.0).collect()
    }

    #[test]
    fn an_action_belongs_to_the_latest_impression_at_or_before_it() {
        assert_eq!(outcomes(&[10, 20], &[taken(9, 0)]), [0, 0]);
        assert_eq!(outcomes(&[10, 20], &[taken(10, 0), taken(19, 1), taken(20, 2)]), [0b11, 0b100]);
        // The later impression came late in the log: nothing changes.
        assert_eq!(outcomes(&[20, 10], &[taken(10, 0), taken(19, 1), taken(20, 2)]), [0b100, 0b11]);
    }

    #[test]
    fn others_and_other_posts_are_left_alone_and_attention_adds_up() {
        let mut labels = Labels::default();
        let one = labels.show(0, PostId(1), TimeMs(10));
        let two = labels.show(0, PostId(2), TimeMs(10));
        let other = labels.show(1, PostId(1), TimeMs(10));
        let repost = labels.show(2, PostId(9), TimeMs(10));
        let own = labels.add();
        let look = |dwell_ms| Taken { actions: ActionMask::default(), dwell_ms, ..taken(11, 0) };
        let all =
            vec![look(20_000), look(15_000), Taken { viewer: 1, ..taken(11, 3) }, Taken { viewer: 2, ..taken(11, 4) }];
        labels.note(own, ActionMask(7), 1);
        let found = labels.finish(all, |post| if post == PostId(9) { PostId(1) } else { post });
        assert_eq!(found[one as usize], Outcome { actions: ActionMask(0), dwell_ms: 35_000 });
        assert_eq!(found[one as usize].dwell_seconds(), 30.0);
        assert!(found[two as usize].is_nothing());
        assert_eq!(found[other as usize].actions, ActionMask::of(3));
        assert_eq!(found[repost as usize].actions, ActionMask::of(4));
        assert_eq!(found[own as usize], Outcome { actions: ActionMask(7), dwell_ms: 1 });
    }
}
