//! Whether a person's action on a post stands, whatever order its events arrive in.

use crate::{Surface, TimeMs};

/// What is known of one person, one post and one action that happens or not: when it was taken and taken back.
///
/// Taking it again while it stands changes nothing, and taking it back restores what was before. The *time* of the events decides,
/// not their arrival (at one moment: the later arrival), so that the same events lead to the same standing in any order. State and
/// training both know what a person did by this rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When it was last taken back.
    undone: Option<TimeMs>,
    /// When it was taken since then, oldest first: the first is what counts, the others become the first when a late event takes
    /// back those before them.
    taken: Vec<(TimeMs, Surface)>,
}

impl Standing {
    /// Times remembered while the action stands: the earliest, and the latest. A person who repeats an action more often, and
    /// whose taking back of one of the first arrives late, has it from the latest on.
    pub const KEPT: usize = 16;

    /// What was remembered: the last taking back, and the takings since, oldest first.
    pub fn from_parts(undone: Option<TimeMs>, taken: Vec<(TimeMs, Surface)>) -> Self {
        Self { undone, taken }
    }

    /// When it was last taken back.
    pub const fn undone(&self) -> Option<TimeMs> {
        self.undone
    }

    /// When it was taken since then, oldest first.
    pub fn taken(&self) -> &[(TimeMs, Surface)] {
        &self.taken
    }

    /// Since when the action stands; `None`: it does not.
    pub fn since(&self) -> Option<TimeMs> {
        self.taken.first().map(|(at, _)| *at)
    }

    /// Where in the product the action that counts was taken.
    pub fn surface(&self) -> Surface {
        self.taken.first().map_or_else(Surface::default, |(_, surface)| *surface)
    }

    /// The action was taken.
    pub fn take(&mut self, at: TimeMs, surface: Surface) {
        if self.undone.is_some_and(|undone| at < undone) {
            return;
        }
        let place = self.taken.partition_point(|(taken, _)| *taken < at);
        if self.taken.get(place).is_some_and(|(taken, _)| *taken == at) {
            return;
        }
        self.taken.insert(place, (at, surface));
        if self.taken.len() > Self::KEPT {
            self.taken.remove(Self::KEPT - 1);
        }
    }

    /// The action was taken back.
    pub fn take_back(&mut self, at: TimeMs) {
        self.undone = self.undone.max(Some(at));
        self.taken.retain(|(taken, _)| *taken > at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standing(events: &[(i64, bool)]) -> Standing {
        let mut standing = Standing::default();
        for &(at, undo) in events {
            if undo {
                standing.take_back(TimeMs(at));
            } else {
                standing.take(TimeMs(at), Surface::Home);
            }
        }
        standing
    }

    fn since(events: &[(i64, bool)]) -> Option<i64> {
        standing(events).since().map(|at| at.0)
    }

    const TAKE: bool = false;
    const BACK: bool = true;

    #[test]
    fn it_counts_once_from_the_first_time_until_taken_back() {
        assert_eq!(since(&[]), None);
        assert_eq!(since(&[(10, TAKE), (20, TAKE), (30, TAKE)]), Some(10));
        assert_eq!(since(&[(10, TAKE), (20, TAKE), (30, BACK)]), None);
        assert_eq!(since(&[(10, TAKE), (30, BACK), (40, TAKE)]), Some(40));
        assert_eq!(since(&[(10, BACK), (20, TAKE)]), Some(20));
    }

    #[test]
    fn a_late_taking_back_between_two_takings_leaves_the_second() {
        assert_eq!(since(&[(10, TAKE), (20, TAKE), (15, BACK)]), Some(20));
        assert_eq!(since(&[(20, TAKE), (15, BACK), (10, TAKE)]), Some(20));
    }

    #[test]
    fn at_one_moment_the_later_arrival_counts() {
        assert_eq!(since(&[(10, TAKE), (10, BACK)]), None);
        assert_eq!(since(&[(10, BACK), (10, TAKE)]), Some(10));
    }

    #[test]
    fn who_repeats_without_end_is_remembered_briefly() {
        let mut events: Vec<_> = (0..1_000).map(|at| (at, TAKE)).collect();
        assert_eq!(standing(&events).taken().len(), Standing::KEPT);
        events.push((998, BACK));
        assert_eq!(since(&events), Some(999));
    }

    proptest! {
        #[test]
        fn any_order_of_arrival_leads_to_the_same(
            events in prop::collection::btree_map(0i64..1_000, any::<bool>(), 0..Standing::KEPT),
            seed in any::<prop::sample::Index>(),
        ) {
            let sorted: Vec<_> = events.into_iter().collect();
            let mut shuffled = sorted.clone();
            for i in (1..shuffled.len()).rev() {
                shuffled.swap(i, seed.index(i + 1));
            }
            prop_assert_eq!(standing(&sorted), standing(&shuffled));
            let last_back = sorted.iter().rposition(|(_, undo)| *undo).map_or(0, |place| place + 1);
            prop_assert_eq!(since(&shuffled), sorted.get(last_back).map(|(at, _)| *at));
        }
    }
}
