//! What people did: tokens, in the order of the log.
//!
//! What an action does to the newest token is [`TokenEvent::apply`], the one rule that training counts tokens by too. So events
//! that arrive late are tokens in the place of their arrival, with their own time: nothing already in a history moves, and the
//! number of tokens only grows.
//!
//! The newest token stands in the head, the others each under their number: an action writes one or two small values.

use event_log::ActionEvent;
use foryou_types::{
    ActionKind, ActionMask, ActionToken, PostId, Surface, TimeMs, TokenChange, TokenEvent, UserActionSequence, UserId,
};

use crate::apply::Applier;
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::store::StateStore;

/// Number of tokens ever, and the newest.
#[derive(Clone, Copy)]
struct Head {
    total: u64,
    newest: ActionToken,
}

fn head_key(user: UserId) -> Key {
    Key::of(Table::Histories).user(user)
}

fn tokens_key(user: UserId) -> Key {
    Key::of(Table::Tokens).user(user)
}

fn encode_token(token: &ActionToken, out: &mut Encoder) {
    out.number(token.post_id.0).number(token.author_id.0).number(token.actions.0);
    out.number(u64::from(token.dwell_ms)).byte(token.surface as u8).time(token.at);
}

fn decode_token(value: &mut Decoder<'_>) -> Option<ActionToken> {
    Some(ActionToken {
        post_id: PostId(value.number()?),
        author_id: UserId(value.number()?),
        actions: ActionMask(value.number()?),
        dwell_ms: u32::try_from(value.number()?).ok()?,
        surface: Surface::from_u8(value.byte()?),
        at: value.time()?,
    })
}

fn decode_head(mut value: Decoder<'_>) -> Option<Head> {
    let head = Head { total: value.number()?, newest: decode_token(&mut value)? };
    value.end(head)
}

impl StateStore {
    /// A person's newest 1,024 tokens, oldest first, and how many there ever were.
    pub fn action_sequence(&self, user: UserId) -> Result<UserActionSequence, StateError> {
        // Head and tokens are of one moment.
        let view = self.storage.snapshot();
        let key = head_key(user);
        let Some(value) = view.get(&key)? else { return Ok(UserActionSequence::default()) };
        let Some(head) = decode_head(Decoder(&value)) else {
            return Err(self.storage.corrupt(key.table(), "a history cannot be read"));
        };
        let mut tokens = Vec::with_capacity(head.total.min(UserActionSequence::KEPT as u64) as usize);
        for pair in view.scan(&tokens_key(user)) {
            let (_, value) = pair?;
            let mut value = Decoder(&value);
            match decode_token(&mut value).and_then(|token| value.end(token)) {
                Some(token) => tokens.push(token),
                None => return Err(self.storage.corrupt(Table::Tokens, "a token cannot be read")),
            }
        }
        tokens.push(head.newest);
        Ok(UserActionSequence { total: head.total, tokens })
    }
}

impl Applier<'_, '_> {
    pub(crate) fn history(
        &mut self,
        at: TimeMs,
        author: UserId,
        action: &ActionEvent,
        kind: ActionKind,
    ) -> Result<(), StateError> {
        let key = head_key(action.user_id);
        let head = self.tx.read(&key, decode_head)?;
        let event = TokenEvent {
            post_id: action.post_id,
            author_id: author,
            action: action.action,
            kind,
            dwell_ms: action.dwell_ms.unwrap_or_default(),
            surface: action.surface,
            at,
            undo: action.undo,
        };
        let total = head.map_or(0, |head| head.total);
        let next = match event.apply(head.map(|head| head.newest)) {
            TokenChange::Nothing => return Ok(()),
            TokenChange::Newest(newest) => Head { total, newest },
            TokenChange::Started(newest) => {
                self.retire(action.user_id, head);
                Head { total: total + 1, newest }
            }
        };
        self.tx.put(key, |out| {
            out.number(next.total);
            encode_token(&next.newest, out);
        });
        Ok(())
    }

    /// Moves the newest token under its number and drops the oldest, so that with the token to come there are at most
    /// [`UserActionSequence::KEPT`].
    fn retire(&mut self, user: UserId, head: Option<Head>) {
        let Some(head) = head else { return };
        let number = head.total - 1;
        self.tx.put(tokens_key(user).number(number), |out| encode_token(&head.newest, out));
        if let Some(oldest) = number.checked_sub(UserActionSequence::KEPT as u64 - 1) {
            self.tx.delete(tokens_key(user).number(oldest));
        }
    }
}
