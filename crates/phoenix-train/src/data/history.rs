//! A viewer's tokens while the log is read.

use foryou_types::{ActionToken, TimeMs, TokenChange, TokenEvent, UserActionSequence};

/// All tokens of a viewer, in the order of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    tokens: Vec<ActionToken>,
    /// The latest time of any token up to and with each: the log may hold them out of order.
    latest: Vec<TimeMs>,
}

impl Tokens {
    /// Takes in an action; answers what it did.
    pub(crate) fn take_in(&mut self, event: &TokenEvent) -> TokenChange {
        let change = event.apply(self.tokens.last().copied());
        match change {
            TokenChange::Nothing => return change,
            TokenChange::Newest(token) => {
                self.latest.pop();
                if let Some(last) = self.tokens.last_mut() {
                    *last = token;
                }
            }
            TokenChange::Started(token) => self.tokens.push(token),
        }
        let at = self.tokens.last().map(|token| token.at);
        self.latest.extend(at.max(self.latest.last().copied()));
        change
    }

    /// What serving knows at a moment: the tokens whose last action is strictly before it, the newest
    /// [`UserActionSequence::KEPT`] of them. A token that was last extended at or after the moment is not among them.
    ///
    /// Costs the tokens kept and those of the log after the first one that is too late, not all of a viewer's.
    pub(crate) fn before(&self, at: TimeMs) -> UserActionSequence {
        let (early, rest) = self.tokens.split_at(self.latest.partition_point(|latest| *latest < at));
        let late: Vec<ActionToken> = rest.iter().filter(|token| token.at < at).copied().collect();
        let of_late = late.len().min(UserActionSequence::KEPT);
        let of_early = early.len().min(UserActionSequence::KEPT - of_late);
        let tokens = [&early[early.len() - of_early..], &late[late.len() - of_late..]].concat();
        UserActionSequence { total: (early.len() + late.len()) as u64, tokens }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{ActionKind, PostId, Surface, UserId};
    use proptest::prelude::*;

    use super::*;

    fn act(at: i64, post: u64, undo: bool) -> TokenEvent {
        TokenEvent {
            post_id: PostId(post),
            author_id: UserId(9),
            action: 0,
            kind: ActionKind::Discrete,
            dwell_ms: 0,
            surface: Surface::Home,
            at: TimeMs(at),
            undo,
        }
    }

    proptest! {
        #[test]
        fn what_is_known_at_a_moment_is_what_a_look_at_every_token_finds(
            events in prop::collection::vec((0i64..2_000, 1u64..4, prop::bool::weighted(0.1)), 0..60),
            sorted: bool,
            at in 0i64..2_000,
        ) {
            let mut events = events;
            if sorted {
                events.sort_unstable();
            }
            let (mut tokens, mut all) = (Tokens::default(), Vec::new());
            for (at, post, undo) in events {
                let event = act(at * 1_000, post, undo);
                match event.apply(all.last().copied()) {
                    TokenChange::Nothing => {}
                    TokenChange::Newest(token) => *all.last_mut().unwrap() = token,
                    TokenChange::Started(token) => all.push(token),
                }
                tokens.take_in(&event);
            }
            all.retain(|token| token.at < TimeMs(at * 1_000));
            let known = tokens.before(TimeMs(at * 1_000));
            prop_assert_eq!(known.total, all.len() as u64);
            prop_assert_eq!(known.tokens, all);
        }
    }

    #[test]
    fn only_the_newest_are_kept_from_both_sides_of_a_late_one() {
        let mut tokens = Tokens::default();
        let kept = UserActionSequence::KEPT as i64;
        for n in 0..kept {
            tokens.take_in(&act(n, n as u64 % 2 + 1, false));
        }
        tokens.take_in(&act(1 << 40, 3, false));
        for n in 0..10 {
            tokens.take_in(&act(kept + n, n as u64 % 2 + 1, false));
        }
        let known = tokens.before(TimeMs(kept + 9));
        assert_eq!((known.total, known.tokens.len() as i64), (kept as u64 + 9, kept));
        let times: Vec<i64> = known.tokens.iter().map(|token| token.at.0).collect();
        assert_eq!(times, (9..kept + 9).collect::<Vec<_>>());
    }
}
