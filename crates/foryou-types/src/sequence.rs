//! A user's engagement history as tokens.

use serde::{Deserialize, Serialize};

use crate::{ActionMask, PostId, Surface, TimeMs, UserId};

/// One token of a user's history: what the user did with one post in one go. A single act is a token, too.
///
/// Acts stand in the order of their own times, whatever order they arrived in, those of one moment by post and action. Consecutive
/// acts on one post, each within [`UserActionSequence::MERGE_WINDOW_MS`] of the one before, are one token whose time is its last
/// act. An action that already stands makes no act, and one that was taken back leaves none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionToken {
    /// The post acted on; for a repost, the post that was shown.
    pub post_id: PostId,
    /// Its author, none where the set has no authors or the post was unknown.
    pub author_id: UserId,
    /// The discrete actions taken. Empty: the post was looked at (dwell) and nothing else.
    pub actions: ActionMask,
    /// Milliseconds of attention, summed over the token.
    pub dwell_ms: u32,
    /// Where it happened.
    pub surface: Surface,
    /// Time of the token's last action.
    pub at: TimeMs,
}

impl ActionToken {
    /// Whether an act that comes next in the history joins this token: it is on the same post, at most
    /// [`UserActionSequence::MERGE_WINDOW_MS`] after the token's last act. Every other act starts a token. State and training
    /// both count tokens by this rule.
    pub fn is_joined_by(&self, next: &Self) -> bool {
        self.post_id == next.post_id && next.at.since(self.at) <= UserActionSequence::MERGE_WINDOW_MS
    }

    /// Takes in the next act: its actions are added, dwell is summed, the surface is the first one that was said.
    pub fn join(&mut self, next: &Self) {
        self.at = self.at.max(next.at);
        self.actions.0 |= next.actions.0;
        self.dwell_ms = self.dwell_ms.saturating_add(next.dwell_ms);
        if self.surface == Surface::Unknown {
            self.surface = next.surface;
        }
    }

    /// The tokens of single acts that stand in order of time.
    pub fn of_acts(acts: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut tokens: Vec<Self> = Vec::new();
        for act in acts {
            match tokens.last_mut() {
                Some(token) if token.is_joined_by(&act) => token.join(&act),
                _ => tokens.push(act),
            }
        }
        tokens
    }
}

/// A user's newest tokens and how many there ever were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserActionSequence {
    /// Tokens ever, merged ones counted once.
    pub total: u64,
    /// The newest tokens kept, oldest first, at most [`Self::KEPT`].
    pub tokens: Vec<ActionToken>,
}

impl UserActionSequence {
    /// How many tokens the state store keeps of a user.
    pub const KEPT: usize = 1_024;
    /// Consecutive actions on one post within this many milliseconds are one token.
    pub const MERGE_WINDOW_MS: i64 = 300_000;

    /// Of a run of more tokens than this without any discrete action, only the newest this many say anything.
    pub const DENSE_RUN: usize = 20;

    /// Whether the user never did anything.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// What a model with a history of `s` is shown: the window of [`window_start`], thinned by [`thin_dense_runs`].
    ///
    /// Called once, where the model's `s` is known, on the sequence as the state keeps it. The answer is a list of tokens and not
    /// a sequence, so that it cannot be cut again: the window counts tokens from the end, and thinned ones would be missing.
    ///
    /// The window is laid over the tokens as they are counted in [`Self::total`], before thinning: how many tokens were
    /// thinned out of the part that is no longer kept is unknown, and a start that depended on it would move as old tokens
    /// fall out of the store. The order of the two steps does not matter, since thinning looks only at the end of a run.
    ///
    /// Hazard: a cached context is extended by new tokens only while the newest run of looks is no longer than
    /// [`Self::DENSE_RUN`]; after that a new look pushes out the run's oldest.
    #[must_use]
    pub fn windowed(&self, s: usize) -> Vec<ActionToken> {
        let kept_from = self.total.saturating_sub(self.tokens.len() as u64);
        let start = window_start(self.total, s as u64).saturating_sub(kept_from) as usize;
        thin_dense_runs(&self.tokens[start.min(self.tokens.len())..], Self::DENSE_RUN)
    }
}

/// The first token, counted from 0 over all of a user's tokens, that a model with a history of `s` sees when there were `n`
/// tokens ever: `max(0, q·⌈(n − s − q)/q⌉)` with `q = s/4` (at least 1).
///
/// The start moves by `q` tokens at a time, so that between two moves a context is only ever extended. Once full, the window
/// holds `s + 1 ..= s + q` tokens. Serving, caching, replay and training all use this one function.
pub const fn window_start(n: u64, s: u64) -> u64 {
    let q = if s >= 4 { s / 4 } else { 1 };
    n.saturating_sub(s.saturating_add(q)).div_ceil(q) * q
}

/// Of every run of more than `longest` tokens without any discrete action, the newest `longest`; all other tokens.
///
/// A long scroll without a click says little more than its end, and would push everything the user really did out of reach.
pub fn thin_dense_runs(tokens: &[ActionToken], longest: usize) -> Vec<ActionToken> {
    let mut thinned = Vec::with_capacity(tokens.len());
    for run in tokens.chunk_by(|a, b| a.actions.is_empty() && b.actions.is_empty()) {
        let dense = run[0].actions.is_empty();
        let skip = if dense { run.len().saturating_sub(longest) } else { 0 };
        thinned.extend_from_slice(&run[skip..]);
    }
    thinned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ActionIndex;

    fn token(post: u64, acted: bool) -> ActionToken {
        ActionToken {
            post_id: PostId(post),
            author_id: UserId(1),
            actions: if acted { ActionMask::of(0) } else { ActionMask::default() },
            dwell_ms: 100,
            surface: Surface::Home,
            at: TimeMs(post as i64),
        }
    }

    fn posts(tokens: &[ActionToken]) -> Vec<u64> {
        tokens.iter().map(|t| t.post_id.0).collect()
    }

    fn act(post: u64, action: ActionIndex, at: i64) -> ActionToken {
        ActionToken {
            author_id: UserId(9),
            actions: ActionMask::of(action),
            dwell_ms: 0,
            surface: Surface::Unknown,
            at: TimeMs(at),
            ..token(post, false)
        }
    }

    #[test]
    fn an_act_joins_the_newest_token_of_its_post_up_to_300_seconds_later() {
        let look = ActionToken {
            actions: ActionMask::default(),
            dwell_ms: 700,
            surface: Surface::Home,
            ..act(1, 0, 1_300_000)
        };
        let tokens = ActionToken::of_acts([
            act(1, 0, 1_000_000),
            look,
            act(1, 3, 1_600_000),
            act(1, 0, 1_900_001),
            act(2, 0, 1_900_002),
            act(1, 0, 1_900_003),
        ]);
        assert_eq!(posts(&tokens), [1, 1, 2, 1]);
        assert_eq!((tokens[0].actions, tokens[0].dwell_ms, tokens[0].at), (ActionMask(0b1001), 700, TimeMs(1_600_000)));
        assert_eq!((tokens[0].surface, tokens[0].author_id), (Surface::Home, UserId(9)));
        assert_eq!(ActionToken::of_acts([]), []);
    }

    #[test]
    fn the_window_by_hand() {
        // s = 8, q = 2: nothing moves up to 10 tokens, then the window holds 9 or 10.
        for (n, start) in [(0, 0), (8, 0), (10, 0), (11, 2), (12, 2), (13, 4), (14, 4), (15, 6)] {
            assert_eq!(window_start(n, 8), start, "n = {n}");
        }
        assert_eq!(window_start(160, 128), 0);
        assert_eq!(window_start(161, 128), 32);
        assert_eq!(window_start(u64::MAX, 0), u64::MAX - 1);
    }

    #[test]
    fn only_the_newest_of_a_long_run_of_looks_stay() {
        let tokens: Vec<_> = [false, false, false, true, false, false, true, true, true]
            .iter()
            .enumerate()
            .map(|(i, &acted)| token(i as u64 + 1, acted))
            .collect();
        assert_eq!(posts(&thin_dense_runs(&tokens, 2)), [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(posts(&thin_dense_runs(&tokens, 0)), [4, 7, 8, 9]);
        assert_eq!(thin_dense_runs(&[], 2), []);
    }

    #[test]
    fn the_window_counts_tokens_that_are_no_longer_kept() {
        // 14 tokens ever, the newest 9 kept (5..14): the window of s = 8 starts at token 4, of which the store has 5 on.
        let kept = UserActionSequence { total: 14, tokens: (5..14).map(|i| token(i + 100, true)).collect() };
        assert_eq!(posts(&kept.windowed(8)), (105..114).collect::<Vec<_>>());
        // 15 ever: it starts at token 6.
        let kept = UserActionSequence { total: 15, tokens: (5..15).map(|i| token(i + 100, true)).collect() };
        assert_eq!(posts(&kept.windowed(8)), (106..115).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn a_full_window_holds_more_than_s_and_at_most_s_and_a_quarter(n in 0u64..5_000, s in 1u64..300) {
            let q = (s / 4).max(1);
            let held = n - window_start(n, s);
            prop_assert!(held <= s + q);
            if n > s + q {
                prop_assert!(held > s);
            } else {
                prop_assert_eq!(held, n);
            }
            prop_assert!(window_start(n + 1, s) >= window_start(n, s));
        }

        #[test]
        fn thinning_and_windowing_commute(acted in prop::collection::vec(prop::bool::weighted(0.1), 0..200), s in 1usize..40) {
            let all: Vec<_> = acted.iter().enumerate().map(|(i, &a)| token(i as u64, a)).collect();
            let start = window_start(all.len() as u64, s as u64);
            let windowed = UserActionSequence { total: all.len() as u64, tokens: all.clone() }.windowed(s);
            let mut thinned = thin_dense_runs(&all, UserActionSequence::DENSE_RUN);
            thinned.retain(|t| t.post_id.0 >= start);
            prop_assert_eq!(windowed, thinned);
        }
    }
}
