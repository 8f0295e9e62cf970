//! What a viewer did, while the log is read: by the rules of the state store, in memory.

use event_log::ActionEvent;
use foryou_types::{
    ActionIndex, ActionMask, ActionToken, PostId, Standing, Surface, TimeMs, UserActionSequence, UserId,
};
use rustc_hash::FxHashMap;

/// No outcome.
pub(crate) const NO_LABEL: u32 = u32::MAX;

/// One act: an action from where it counts, attention, or both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    pub(crate) at: TimeMs,
    pub(crate) post: PostId,
    /// Which token it belongs to, counted from 0.
    token: u32,
    pub(crate) dwell_ms: u32,
    /// The outcome it belongs to, where no impressions are recorded.
    pub(crate) label: u32,
    action: ActionIndex,
    /// The discrete action counts from here.
    counts: bool,
    surface: Surface,
}

impl Act {
    fn place(&self) -> (TimeMs, PostId, ActionIndex) {
        (self.at, self.post, self.action)
    }

    /// The discrete action that counts from here, if one does.
    pub(crate) fn actions(&self) -> ActionMask {
        if self.counts { ActionMask::of(self.action) } else { ActionMask::default() }
    }

    fn token(&self, author: UserId) -> ActionToken {
        ActionToken {
            post_id: self.post,
            author_id: author,
            actions: self.actions(),
            dwell_ms: self.dwell_ms,
            surface: self.surface,
            at: self.at,
        }
    }

    fn is_joined_by(&self, next: &Self) -> bool {
        self.token(UserId::NONE).is_joined_by(&next.token(UserId::NONE))
    }
}

/// How an action stands. Nearly all are taken once and never again.
#[derive(Clone, Debug)]
enum Stands {
    Once(TimeMs, Surface),
    Longer(Box<Standing>),
}

/// All that a viewer did that stands, in order of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    acts: Vec<Act>,
    stands: FxHashMap<(PostId, ActionIndex), Stands>,
    /// Acts on each original.
    on: FxHashMap<PostId, u32>,
}

impl History {
    /// Takes in an action on a post whose original is `original`. Returns the place of the new act, if it starts a token.
    pub(crate) fn take_in(
        &mut self,
        at: TimeMs,
        event: &ActionEvent,
        is_discrete: bool,
        original: PostId,
    ) -> Option<usize> {
        let mut started = None;
        if is_discrete {
            let (was, is, surface) = self.stand(at, event);
            if was != is {
                let label = was.map(|was| self.unmark(was, event, original));
                if let Some(is) = is {
                    started = self.change(is, event, original, label, |act| {
                        act.counts = true;
                        if act.surface == Surface::Unknown {
                            act.surface = surface;
                        }
                    });
                }
            }
        }
        let dwell_ms = event.dwell_ms.unwrap_or_default();
        if !event.undo && (dwell_ms > 0 || !is_discrete) {
            let place = self.change(at, event, original, None, |act| {
                act.dwell_ms = act.dwell_ms.saturating_add(dwell_ms);
                if act.surface == Surface::Unknown {
                    act.surface = event.surface;
                }
            });
            started = started.or(place);
        }
        started
    }

    /// Since when the action stood and stands.
    fn stand(&mut self, at: TimeMs, event: &ActionEvent) -> (Option<TimeMs>, Option<TimeMs>, Surface) {
        let key = (event.post_id, event.action);
        let known = self.stands.remove(&key);
        if known.is_none() && !event.undo {
            self.stands.insert(key, Stands::Once(at, event.surface));
            return (None, Some(at), event.surface);
        }
        let mut standing = match known {
            None => Box::default(),
            Some(Stands::Once(at, surface)) => Box::new(Standing::from_parts(None, vec![(at, surface)])),
            Some(Stands::Longer(standing)) => standing,
        };
        let was = standing.since();
        if event.undo {
            standing.take_back(at);
        } else {
            standing.take(at, event.surface);
        }
        let (is, surface) = (standing.since(), standing.surface());
        self.stands.insert(key, Stands::Longer(standing));
        (was, is, surface)
    }

    /// The action no longer counts from there; returns the label of its act.
    fn unmark(&mut self, at: TimeMs, event: &ActionEvent, original: PostId) -> u32 {
        let Ok(place) = self.find(at, event) else { return NO_LABEL };
        let act = &mut self.acts[place];
        act.counts = false;
        let label = act.label;
        if act.dwell_ms == 0 {
            self.acts.remove(place);
            self.number_from(place);
            if let Some(acts) = self.on.get_mut(&original) {
                *acts -= 1;
                if *acts == 0 {
                    self.on.remove(&original);
                }
            }
        }
        label
    }

    /// Changes an act, or makes it; answers its place if it is new and starts a token. `label`: that of the act that it was.
    fn change(
        &mut self,
        at: TimeMs,
        event: &ActionEvent,
        original: PostId,
        label: Option<u32>,
        change: impl FnOnce(&mut Act),
    ) -> Option<usize> {
        let place = match self.find(at, event) {
            Ok(place) => {
                change(&mut self.acts[place]);
                return None;
            }
            Err(place) => place,
        };
        let mut act = Act {
            at,
            post: event.post_id,
            token: 0,
            dwell_ms: 0,
            label: label.unwrap_or(NO_LABEL),
            action: event.action,
            counts: false,
            surface: Surface::Unknown,
        };
        change(&mut act);
        let before = place.checked_sub(1).and_then(|i| self.acts.get(i)).filter(|before| before.is_joined_by(&act));
        let neighbour = before.or_else(|| self.acts.get(place).filter(|after| act.is_joined_by(after)));
        let starts = neighbour.is_none() && label.is_none();
        if label.is_none() {
            act.label = neighbour.map_or(NO_LABEL, |neighbour| neighbour.label);
        }
        self.acts.insert(place, act);
        self.number_from(place);
        *self.on.entry(original).or_default() += 1;
        starts.then_some(place)
    }

    fn find(&self, at: TimeMs, event: &ActionEvent) -> Result<usize, usize> {
        let wanted = (at, event.post_id, event.action);
        // Nearly always at the end: a log is nearly in order of time.
        match self.acts.last() {
            Some(last) if last.place() >= wanted => self.acts.binary_search_by_key(&wanted, Act::place),
            _ => Err(self.acts.len()),
        }
    }

    /// Counts the tokens again from a place on.
    fn number_from(&mut self, place: usize) {
        for i in place..self.acts.len() {
            let token = match i.checked_sub(1).map(|before| self.acts[before]) {
                None => 0,
                Some(before) => before.token + u32::from(!before.is_joined_by(&self.acts[i])),
            };
            self.acts[i].token = token;
        }
    }

    /// Gives an act the outcome that is to hold what its token comes to hold.
    pub(crate) fn set_label(&mut self, place: usize, label: u32) {
        if let Some(act) = self.acts.get_mut(place) {
            act.label = label;
        }
    }

    /// All acts, in order of time.
    pub(crate) fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// Whether anything that the viewer did with an original, or a repost of it, stands.
    pub(crate) fn has_acted_on(&self, original: PostId) -> bool {
        self.on.contains_key(&original)
    }

    /// What serving knows at a moment: the tokens of the acts strictly before it, the newest [`UserActionSequence::KEPT`].
    /// `author`: whose a post is.
    pub(crate) fn before(&self, at: TimeMs, author: impl Fn(PostId) -> UserId) -> UserActionSequence {
        let acts = &self.acts[..self.acts.partition_point(|act| act.at < at)];
        let total = acts.last().map_or(0, |act| act.token + 1);
        let first = total.saturating_sub(UserActionSequence::KEPT as u32);
        let kept = &acts[acts.partition_point(|act| act.token < first)..];
        let tokens = ActionToken::of_acts(kept.iter().map(|act| act.token(author(act.post))));
        UserActionSequence { total: u64::from(total), tokens }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn act(post: u64, undo: bool) -> ActionEvent {
        ActionEvent { user_id: UserId(1), post_id: PostId(post), undo, ..ActionEvent::default() }
    }

    fn take_in(history: &mut History, at: i64, post: u64, undo: bool) -> Option<usize> {
        history.take_in(TimeMs(at), &act(post, undo), true, PostId(post))
    }

    fn before(history: &History, at: i64) -> UserActionSequence {
        history.before(TimeMs(at), |post| UserId(post.0 + 100))
    }

    proptest! {
        #[test]
        fn what_stands_does_not_depend_on_the_order_of_arrival(
            events in prop::collection::btree_map(0i64..3_000, (1u64..4, prop::bool::weighted(0.3)), 0..40),
            seed in any::<prop::sample::Index>(),
            at in 0i64..3_000,
        ) {
            let sorted: Vec<_> = events.into_iter().collect();
            let mut shuffled = sorted.clone();
            for i in (1..shuffled.len()).rev() {
                shuffled.swap(i, seed.index(i + 1));
            }
            let (mut in_order, mut late) = (History::default(), History::default());
            for (at, (post, undo)) in sorted {
                take_in(&mut in_order, at * 1_000, post, undo);
            }
            for (at, (post, undo)) in shuffled {
                take_in(&mut late, at * 1_000, post, undo);
            }
            let at = at * 1_000;
            prop_assert_eq!(before(&in_order, at), before(&late, at));
            // Numbers of tokens are those of a fold over all.
            let tokens = ActionToken::of_acts(late.acts().iter().filter(|act| act.at.0 < at).map(|act| act.token(UserId(0))));
            prop_assert_eq!(before(&late, at).total, tokens.len() as u64);
            for post in 1..4 {
                let stands = late.acts().iter().any(|act| act.post == PostId(post));
                prop_assert_eq!(late.has_acted_on(PostId(post)), stands);
            }
        }
    }

    #[test]
    fn only_the_newest_tokens_are_kept_and_all_are_counted() {
        let mut history = History::default();
        let kept = UserActionSequence::KEPT as i64;
        for n in 0..kept + 10 {
            assert_eq!(take_in(&mut history, n, n as u64 + 1, false), Some(n as usize));
        }
        let known = before(&history, kept + 9);
        assert_eq!((known.total, known.tokens.len() as i64), (kept as u64 + 9, kept));
        assert_eq!((known.tokens[0].at, known.tokens[0].author_id), (TimeMs(9), UserId(110)));
    }

    #[test]
    fn repeats_and_what_is_taken_back_are_no_acts() {
        let mut history = History::default();
        assert_eq!(take_in(&mut history, 10, 1, false), Some(0));
        history.set_label(0, 7);
        assert_eq!(take_in(&mut history, 900_000, 1, false), None);
        assert_eq!(before(&history, 1_000_000).total, 1);
        // A late taking back of the first: the second counts now, and keeps its outcome.
        assert_eq!(take_in(&mut history, 20, 1, true), None);
        assert_eq!((history.acts()[0].at, history.acts()[0].label), (TimeMs(900_000), 7));
        take_in(&mut history, 1_000_000, 1, true);
        assert!(history.acts().is_empty() && !history.has_acted_on(PostId(1)));
    }
}
