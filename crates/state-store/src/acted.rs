//! Which posts a person ever acted on, whatever their histories still hold. Taking an action back clears it.
//!
//! One key per person, post and action: an action is one blind write, nothing is read. An action on a repost is also one on the
//! reposted post.

use event_log::ActionEvent;
use foryou_types::{ActionIndex, ActionMask, PostId, TimeMs, UserId};
use rustc_hash::FxHashSet;

use crate::apply::Applier;
use crate::bytes::Decoder;
use crate::error::StateError;
use crate::keys::{Key, Table, number_at};
use crate::store::StateStore;

/// What a person did with a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acted {
    /// Every action not taken back, the continuous one included.
    pub actions: ActionMask,
    /// When the last of them in the log was.
    pub last_at: TimeMs,
}

fn user_key(user: UserId) -> Key {
    Key::of(Table::Acted).user(user)
}

fn key(user: UserId, post: PostId, action: ActionIndex) -> Key {
    user_key(user).post(post).raw(&[action])
}

fn decode(mut value: Decoder<'_>) -> Option<TimeMs> {
    let at = value.time()?;
    value.end(at)
}

impl StateStore {
    /// Every post a person ever acted on.
    pub fn acted_posts(&self, user: UserId) -> Result<FxHashSet<PostId>, StateError> {
        let mut posts = FxHashSet::default();
        for pair in self.storage.scan(&user_key(user)) {
            let (key, _) = pair?;
            let Some(post) = number_at(&key, 9) else {
                return Err(self.storage.corrupt(Table::Acted, "a key cannot be read"));
            };
            posts.insert(PostId(post));
        }
        Ok(posts)
    }

    /// What a person did with a post; `None` for nothing (or nothing any more).
    pub fn acted(&self, user: UserId, post: PostId) -> Result<Option<Acted>, StateError> {
        let mut acted: Option<Acted> = None;
        for pair in self.storage.scan(&user_key(user).post(post)) {
            let (key, value) = pair?;
            let (Some(&action @ 0..64), Some(at)) = (key.get(17), decode(Decoder(&value))) else {
                return Err(self.storage.corrupt(Table::Acted, "an action cannot be read"));
            };
            let acted = acted.get_or_insert(Acted { actions: ActionMask::default(), last_at: at });
            acted.actions.insert(action);
            acted.last_at = acted.last_at.max(at);
        }
        Ok(acted)
    }
}

impl Applier<'_, '_> {
    /// Notes an action. For one that is taken back: when it was taken, `None` if it never was.
    pub(crate) fn note_acted(
        &mut self,
        at: TimeMs,
        action: &ActionEvent,
        counted: PostId,
    ) -> Result<Option<TimeMs>, StateError> {
        let own = key(action.user_id, action.post_id, action.action);
        let taken_at = if action.undo { self.tx.read(&own, decode)? } else { None };
        for post in [Some(action.post_id), (counted != action.post_id).then_some(counted)].into_iter().flatten() {
            let key = key(action.user_id, post, action.action);
            if !action.undo {
                self.tx.put(key, |out| {
                    out.time(at);
                });
            } else if taken_at.is_some() {
                self.tx.delete(key);
            }
        }
        Ok(taken_at)
    }
}
