//! A viewer's tokens while the log is read.

use foryou_types::{ActionToken, TimeMs, TokenChange, TokenEvent, UserActionSequence};

/// All tokens of a viewer, in the order of the log.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    tokens: Vec<ActionToken>,
    /// The latest time of any token; the log may hold them out of order.
    latest: TimeMs,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { tokens: Vec::new(), latest: TimeMs(i64::MIN) }
    }
}

impl Tokens {
    /// Takes in an action; answers what it did.
    pub(crate) fn take_in(&mut self, event: &TokenEvent) -> TokenChange {
        let change = event.apply(self.tokens.last().copied());
        match change {
            TokenChange::Nothing => {}
            TokenChange::Newest(token) => {
                self.latest = self.latest.max(token.at);
                if let Some(last) = self.tokens.last_mut() {
                    *last = token;
                }
            }
            TokenChange::Started(token) => {
                self.latest = self.latest.max(token.at);
                self.tokens.push(token);
            }
        }
        change
    }

    /// What serving knows at a moment: the tokens whose last action is strictly before it, the newest
    /// [`UserActionSequence::KEPT`] of them. A token that was last extended at or after the moment is not among them.
    pub(crate) fn before(&self, at: TimeMs) -> UserActionSequence {
        let newest = |tokens: &[ActionToken]| UserActionSequence {
            total: tokens.len() as u64,
            tokens: tokens[tokens.len().saturating_sub(UserActionSequence::KEPT)..].to_vec(),
        };
        if self.latest < at {
            return newest(&self.tokens);
        }
        let visible: Vec<ActionToken> = self.tokens.iter().filter(|token| token.at < at).copied().collect();
        newest(&visible)
    }
}
