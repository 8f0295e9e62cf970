//! What people did, in the order of event time, as tokens.
//!
//! A person's acts are stored one by one under (time, post, action): the moment an action counts from, or the moment of attention.
//! Consecutive acts join to tokens ([`ActionToken::is_joined_by`]; training uses the same rule). Whether an act starts a token depends
//! only on the act before it. So if an act is added or removed anywhere, only its neighbours matter for the number of tokens. Nearly
//! all acts are added at the end; that needs only the newest act, which is in the head.

use std::sync::Arc;

use foryou_types::{ActionIndex, ActionMask, ActionToken, PostId, Surface, TimeMs, UserActionSequence, UserId};

use crate::apply::{Applier, Target};
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table, number_at, time_at};
use crate::read_cache::Cached;
use crate::storage::Storage;
use crate::store::StateStore;

/// Number of tokens, and the key of the newest act.
#[derive(Clone, Copy)]
struct Head {
    total: u64,
    newest: Key,
}

/// An act without its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Act {
    /// The discrete action counts from this moment.
    counts: bool,
    dwell_ms: u32,
    surface: Surface,
    author: UserId,
}

fn head_key(user: UserId) -> Key {
    Key::of(Table::Histories).user(user)
}

fn acts_key(user: UserId) -> Key {
    Key::of(Table::Acts).user(user)
}

fn act_key(user: UserId, at: TimeMs, post: PostId, action: ActionIndex) -> Key {
    acts_key(user).time(at).post(post).action(action)
}

/// Time, post and action of an act.
fn place(key: &[u8]) -> Option<(TimeMs, PostId, ActionIndex)> {
    Some((time_at(key, 9)?, PostId(number_at(key, 17)?), *key.get(25)?))
}

fn authorless_key(post: PostId, user: UserId, at: TimeMs, action: ActionIndex) -> Key {
    Key::of(Table::Authorless).post(post).user(user).time(at).action(action)
}

fn encode_act(act: &Act, out: &mut Encoder) {
    out.flag(act.counts).number(u64::from(act.dwell_ms)).byte(act.surface as u8).number(act.author.0);
}

fn decode_act(mut value: Decoder<'_>) -> Option<Act> {
    let act = Act {
        counts: value.flag()?,
        dwell_ms: u32::try_from(value.number()?).ok()?,
        surface: Surface::from_u8(value.byte()?),
        author: UserId(value.number()?),
    };
    value.end(act)
}

fn encode_head(head: &Head, out: &mut Encoder) {
    // The key without table and user, which are those of the head.
    out.number(head.total).0.extend_from_slice(&head.newest.as_bytes()[9..]);
}

fn decode_head(user: UserId, mut value: Decoder<'_>) -> Option<Head> {
    let total = value.number()?;
    (value.0.len() == 17).then(|| Head { total, newest: acts_key(user).raw(value.0) })
}

fn token(key: &[u8], act: Act) -> Option<ActionToken> {
    let (at, post_id, action) = place(key)?;
    Some(ActionToken {
        post_id,
        author_id: act.author,
        actions: if act.counts { ActionMask::of(action) } else { ActionMask::default() },
        dwell_ms: act.dwell_ms,
        surface: act.surface,
        at,
    })
}

/// Whether `next` starts a token after `earlier`; the first act always does.
fn starts(earlier: Option<&Key>, next: Option<&Key>) -> Option<u64> {
    let Some(next) = next else { return Some(0) };
    let Some(earlier) = earlier else { return Some(1) };
    let token = |key: &Key| token(key.as_bytes(), Act::default());
    Some(u64::from(!token(earlier)?.is_joined_by(&token(next)?)))
}

/// Reads everyone's last act.
pub(crate) fn last_acts(storage: &Storage, mut tell: impl FnMut(UserId, TimeMs)) -> Result<(), StateError> {
    for pair in storage.scan(&Key::of(Table::Histories))? {
        let (key, value) = pair?;
        let user = number_at(&key, 1).map(UserId);
        let head = user.and_then(|user| Some((user, decode_head(user, Decoder(&value))?)));
        let Some((user, (at, ..))) = head.and_then(|(user, head)| Some((user, place(head.newest.as_bytes())?))) else {
            return Err(storage.corrupt(Table::Histories, "a history cannot be read"));
        };
        tell(user, at);
    }
    Ok(())
}

impl Cached for UserActionSequence {
    fn bytes(&self) -> u64 {
        (size_of::<Self>() + self.tokens.capacity() * size_of::<ActionToken>()) as u64
    }
}

impl StateStore {
    /// A person's newest 1,024 tokens, oldest first, and how many there are.
    pub fn action_sequence(&self, user: UserId) -> Result<Arc<UserActionSequence>, StateError> {
        let known = self.history_cache.get(user, || self.read_history(user))?;
        Ok(known.unwrap_or_default())
    }

    fn read_history(&self, user: UserId) -> Result<Option<UserActionSequence>, StateError> {
        // Head and acts are read at one moment of the store.
        let view = self.storage.snapshot()?;
        let key = head_key(user);
        let Some(value) = view.get(&key)? else { return Ok(None) };
        let Some(head) = decode_head(user, Decoder(&value)) else {
            return Err(self.storage.corrupt(key.table(), "a history cannot be read"));
        };
        let mut acts: Vec<ActionToken> = Vec::new();
        let mut tokens = 0;
        for pair in view.scan(&acts_key(user)).rev() {
            let (key, value) = pair?;
            let Some(act) = decode_act(Decoder(&value)).and_then(|act| token(&key, act)) else {
                return Err(self.storage.corrupt(Table::Acts, "an act cannot be read"));
            };
            if acts.last().is_none_or(|next| !act.is_joined_by(next)) {
                tokens += 1;
                if tokens > UserActionSequence::KEPT {
                    break;
                }
            }
            acts.push(act);
        }
        let tokens = ActionToken::of_acts(acts.into_iter().rev());
        Ok(Some(UserActionSequence { total: head.total, tokens }))
    }
}

impl Applier<'_, '_> {
    /// A discrete action counts from this moment.
    pub(crate) fn mark(
        &mut self,
        user: UserId,
        at: TimeMs,
        post: PostId,
        action: ActionIndex,
        surface: Surface,
        target: &Target,
    ) -> Result<(), StateError> {
        let key = act_key(user, at, post, action);
        self.change_act(user, key, target, |act| {
            act.counts = true;
            if act.surface == Surface::Unknown {
                act.surface = surface;
            }
        })
    }

    /// A discrete action no longer counts from this moment.
    pub(crate) fn unmark(
        &mut self,
        user: UserId,
        at: TimeMs,
        post: PostId,
        action: ActionIndex,
    ) -> Result<(), StateError> {
        let key = act_key(user, at, post, action);
        let Some(mut act) = self.tx.read(&key, decode_act)? else { return Ok(()) };
        if act.dwell_ms > 0 {
            act.counts = false;
            self.tx.put(key, |out| encode_act(&act, out));
            return Ok(());
        }
        self.tx.delete(key);
        if act.author.is_none() {
            self.tx.delete(authorless_key(post, user, at, action));
        }
        self.acts_changed(user, key, false)
    }

    /// Attention was paid.
    pub(crate) fn look(
        &mut self,
        at: TimeMs,
        event: &event_log::ActionEvent,
        target: &Target,
    ) -> Result<(), StateError> {
        let key = act_key(event.user_id, at, event.post_id, event.action);
        self.change_act(event.user_id, key, target, |act| {
            act.dwell_ms = act.dwell_ms.saturating_add(event.dwell_ms.unwrap_or_default());
            if act.surface == Surface::Unknown {
                act.surface = event.surface;
            }
        })
    }

    /// Changes an act, or makes it.
    fn change_act(
        &mut self,
        user: UserId,
        key: Key,
        target: &Target,
        change: impl FnOnce(&mut Act),
    ) -> Result<(), StateError> {
        let newest = self.head(user)?.map(|head| head.newest);
        // An act behind all others cannot exist yet.
        let known = if newest.is_none_or(|newest| newest < key) { None } else { self.tx.read(&key, decode_act)? };
        let mut act = known.unwrap_or(Act { author: target.author, ..Act::default() });
        change(&mut act);
        self.tx.put(key, |out| encode_act(&act, out));
        if known.is_some() {
            return Ok(());
        }
        if !target.known
            && let Some((at, post, action)) = place(key.as_bytes())
        {
            self.tx.put(authorless_key(post, user, at, action), |_| {});
        }
        self.acts_changed(user, key, true)
    }

    fn head(&mut self, user: UserId) -> Result<Option<Head>, StateError> {
        self.tx.read(&head_key(user), |value| decode_head(user, value))
    }

    /// Updates the number of tokens after an act was added or removed.
    fn acts_changed(&mut self, user: UserId, key: Key, came: bool) -> Result<(), StateError> {
        let acts = acts_key(user);
        let head = self.head(user)?;
        let (mut total, mut newest) = head.map_or((0, None), |head| (head.total, Some(head.newest)));
        let is_end = newest.is_none_or(|newest| newest <= key);
        let (before, after) = match newest {
            Some(newest) if is_end && came => (Some(newest), None),
            None => (None, None),
            Some(_) => (self.tx.before(&acts, &key)?, if is_end { None } else { self.tx.after(&acts, &key)? }),
        };
        let (before, after) = (before.as_ref(), after.as_ref());
        let with = starts(before, Some(&key)).zip(starts(Some(&key), after)).map(|(key, after)| key + after);
        let Some((with, without)) = with.zip(starts(before, after)) else {
            return Err(self.tx.corrupt(Table::Acts, "an act cannot be read"));
        };
        total = if came { (total + with).saturating_sub(without) } else { (total + without).saturating_sub(with) };
        if is_end {
            newest = if came { Some(key) } else { before.copied() };
        }
        let last = if let Some(newest) = newest {
            self.tx.put(head_key(user), |out| encode_head(&Head { total, newest }, out));
            place(newest.as_bytes()).map(|(at, ..)| at)
        } else {
            self.tx.delete(head_key(user));
            None
        };
        self.viewer_acted(user, last);
        Ok(())
    }

    /// The creation of a post has just been read: sets its author in the acts on it.
    pub(crate) fn name_author(&mut self, post: PostId, author: UserId) -> Result<(), StateError> {
        for key in self.tx.keys(&Key::of(Table::Authorless).post(post))? {
            self.tx.delete(key);
            let bytes = key.as_bytes();
            let (Some(user), Some(at), Some(&action)) = (number_at(bytes, 9), time_at(bytes, 17), bytes.get(25)) else {
                continue;
            };
            let act_key = act_key(UserId(user), at, post, action);
            if let Some(act) = self.tx.read(&act_key, decode_act)? {
                self.tx.put(act_key, |out| encode_act(&Act { author, ..act }, out));
            }
        }
        Ok(())
    }
}
