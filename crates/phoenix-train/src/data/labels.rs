//! What became of the posts that were shown.
//!
//! * An action of a person on a post belongs to the latest impression of that post to that person at or before the action's
//!   time, in whatever order the two stand in the log. An action without one is no label.
//! * Taking an action back takes it from the latest impression, at or before the moment of taking it back, that has it.
//! * Attention is summed over the actions of an impression; taking back does not undo having looked.
//!
//! Impressions and actions are collected (24 and 32 bytes each) and brought together at the end, by sorting. Where only the slates
//! from some moment on are wanted, those before it need not be: an action on a wanted slate comes at or after it, and finds it
//! before any earlier one.

use foryou_types::{ActionIndex, ActionMask, PostId, TimeMs};

/// What became of one candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The discrete actions taken.
    pub(crate) actions: ActionMask,
    /// Milliseconds of attention.
    pub(crate) dwell_ms: u32,
}

impl Outcome {
    /// Seconds of attention, clipped as the continuous head is.
    pub(crate) fn dwell_seconds(self) -> f32 {
        (self.dwell_ms as f32 / 1_000.0).min(phoenix::inputs::DWELL_CLIP_SECONDS)
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

/// An action of a viewer, or its taking back.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    /// Place of the viewer.
    pub(crate) viewer: u32,
    /// The post, of a repost the original.
    pub(crate) post: PostId,
    /// When.
    pub(crate) at: TimeMs,
    /// The discrete action; `None` for a continuous one, which is only its attention.
    pub(crate) action: Option<ActionIndex>,
    /// Milliseconds of attention.
    pub(crate) dwell_ms: u32,
    /// Taken back.
    pub(crate) undo: bool,
}

/// The outcomes of all candidates, by number.
#[derive(Default)]
pub(crate) struct Labels {
    outcomes: Vec<Outcome>,
    shown: Vec<Shown>,
    taken: Vec<Taken>,
}

impl Labels {
    /// Numbers a candidate whose outcome the caller keeps, see [`Self::set`].
    pub(crate) fn add(&mut self) -> u32 {
        self.outcomes.push(Outcome::default());
        self.outcomes.len() as u32 - 1
    }

    /// Numbers a post shown to a viewer, whose outcome comes from [`Self::take`].
    pub(crate) fn show(&mut self, viewer: u32, post: PostId, at: TimeMs) -> u32 {
        let label = self.add();
        self.shown.push(Shown { viewer, post, at, label });
        label
    }

    /// Sets the outcome of a candidate.
    pub(crate) fn set(&mut self, label: u32, outcome: Outcome) {
        if let Some(slot) = self.outcomes.get_mut(label as usize) {
            *slot = outcome;
        }
    }

    /// Notes an action. Actions come in the order of the log.
    pub(crate) fn take(&mut self, taken: Taken) {
        self.taken.push(taken);
    }

    /// How many outcomes, impressions and actions are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> [usize; 3] {
        [self.outcomes.len(), self.shown.len(), self.taken.len()]
    }

    /// The outcomes, by number.
    pub(crate) fn finish(mut self) -> Vec<Outcome> {
        self.shown.sort_unstable_by_key(|s| (s.viewer, s.post, s.at, s.label));
        self.taken.sort_by_key(|t| (t.viewer, t.post));
        for actions in self.taken.chunk_by(|a, b| (a.viewer, a.post) == (b.viewer, b.post)) {
            let key = (actions[0].viewer, actions[0].post);
            let first = self.shown.partition_point(|s| (s.viewer, s.post) < key);
            let count = self.shown[first..].partition_point(|s| (s.viewer, s.post) == key);
            let shown = &self.shown[first..first + count];
            for taken in actions {
                let before = &shown[..shown.partition_point(|s| s.at <= taken.at)];
                attribute(taken, before, &mut self.outcomes);
            }
        }
        self.outcomes
    }
}

/// `before`: the impressions at or before the action, oldest first.
fn attribute(taken: &Taken, before: &[Shown], outcomes: &mut [Outcome]) {
    if taken.undo {
        let Some(action) = taken.action else { return };
        let has = |s: &&Shown| outcomes[s.label as usize].actions.has(action);
        if let Some(shown) = before.iter().rev().find(has) {
            outcomes[shown.label as usize].actions.remove(action);
        }
    } else if let Some(shown) = before.last() {
        let outcome = &mut outcomes[shown.label as usize];
        if let Some(action) = taken.action {
            outcome.actions.insert(action);
        }
        outcome.dwell_ms = outcome.dwell_ms.saturating_add(taken.dwell_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(at: i64, action: ActionIndex) -> Taken {
        Taken { viewer: 0, post: PostId(1), at: TimeMs(at), action: Some(action), dwell_ms: 0, undo: false }
    }

    fn outcomes(shown_at: &[i64], taken: &[Taken]) -> Vec<u64> {
        let mut labels = Labels::default();
        for &at in shown_at {
            labels.show(0, PostId(1), TimeMs(at));
        }
        for &t in taken {
            labels.take(t);
        }
        labels.finish().into_iter().map(|o| o.actions.0).collect()
    }

    #[test]
    fn an_action_belongs_to_the_latest_impression_at_or_before_it() {
        assert_eq!(outcomes(&[10, 20], &[taken(9, 0)]), [0, 0]);
        assert_eq!(outcomes(&[10, 20], &[taken(10, 0), taken(19, 1), taken(20, 2)]), [0b11, 0b100]);
        // The later impression came late in the log: nothing changes.
        assert_eq!(outcomes(&[20, 10], &[taken(10, 0), taken(19, 1), taken(20, 2)]), [0b100, 0b11]);
    }

    #[test]
    fn taking_back_finds_the_impression_that_has_the_action() {
        let undo = |at, action| Taken { undo: true, ..taken(at, action) };
        assert_eq!(outcomes(&[10, 20], &[taken(11, 0), taken(12, 1), undo(25, 0)]), [0b10, 0]);
        assert_eq!(outcomes(&[10], &[taken(11, 0), undo(12, 0), taken(13, 0)]), [1]);
        assert_eq!(outcomes(&[10], &[undo(12, 0), taken(13, 0)]), [1]);
    }

    #[test]
    fn others_and_other_posts_are_left_alone_and_attention_adds_up() {
        let mut labels = Labels::default();
        let one = labels.show(0, PostId(1), TimeMs(10));
        let two = labels.show(0, PostId(2), TimeMs(10));
        let other = labels.show(1, PostId(1), TimeMs(10));
        let own = labels.add();
        for dwell_ms in [20_000, 15_000] {
            labels.take(Taken { action: None, dwell_ms, ..taken(11, 0) });
        }
        labels.take(Taken { viewer: 1, ..taken(11, 3) });
        labels.set(own, Outcome { actions: ActionMask(7), dwell_ms: 1 });
        let found = labels.finish();
        assert_eq!(found[one as usize], Outcome { actions: ActionMask(0), dwell_ms: 35_000 });
        assert_eq!(found[one as usize].dwell_seconds(), 30.0);
        assert!(found[two as usize].is_nothing());
        assert_eq!(found[other as usize].actions, ActionMask::of(3));
        assert_eq!(found[own as usize].actions, ActionMask(7));
    }
}
