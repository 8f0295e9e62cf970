//! Which of each person's actions on posts stand now, whatever their histories still hold.
//!
//! There is one key per person, original and action. Its value says how the action stands on the original and on every repost of it
//! that the person acted on ([`Standing`]). Together they count once, from the first one that stands; taking one back leaves the
//! others. A continuous action (attention) cannot be taken back, so its key alone says that it happened.
//!
//! If a chain of reposts ends at an unknown post, that post counts as the original until its creation is read; see
//! [`Applier::adopt`].

use event_log::ActionEvent;
use foryou_types::{ActionIndex, ActionMask, PostId, Standing, Surface, TimeMs, UserId};
use rustc_hash::FxHashSet;

use crate::apply::{Applier, Target};
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table, number_at};
use crate::store::StateStore;

/// Keys between two wanted posts that are read before a jump: a jump costs about as much as reading this many keys.
const JUMP_AFTER: usize = 16;

/// How an action stands on an original and its reposts, by post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group(Vec<(PostId, Standing)>);

impl Group {
    /// Since when the action counts; `None` if it does not.
    fn since(&self) -> Option<TimeMs> {
        self.0.iter().filter_map(|(_, standing)| standing.since()).min()
    }

    fn standing_mut(&mut self, post: PostId) -> &mut Standing {
        let place = match self.0.binary_search_by_key(&post, |(post, _)| *post) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (post, Standing::default()));
                place
            }
        };
        &mut self.0[place].1
    }

    fn encode(&self, out: &mut Encoder) {
        out.number(self.0.len() as u64);
        for (post, standing) in &self.0 {
            out.number(post.0).maybe_time(standing.undone()).number(standing.taken().len() as u64);
            for &(at, surface) in standing.taken() {
                out.time(at).byte(surface as u8);
            }
        }
    }

    fn decode(mut value: Decoder<'_>) -> Option<Self> {
        let mut posts = Vec::new();
        for _ in 0..value.number()? {
            let (post, undone) = (PostId(value.number()?), value.maybe_time()?);
            let mut taken = Vec::new();
            for _ in 0..value.number()? {
                taken.push((value.time()?, Surface::from_u8(value.byte()?)));
            }
            posts.push((post, Standing::from_parts(undone, taken)));
        }
        value.end(Self(posts))
    }
}

fn user_key(user: UserId) -> Key {
    Key::of(Table::Acted).user(user)
}

fn key(user: UserId, original: PostId, action: ActionIndex) -> Key {
    user_key(user).post(original).action(action)
}

fn waiting_key(post: PostId, user: UserId, action: ActionIndex) -> Key {
    Key::of(Table::Waiting).post(post).user(user).action(action)
}

impl StateStore {
    /// Which of these posts have a standing action of a person, in the order of `posts`. An action on a repost counts for its
    /// original too.
    ///
    /// The person's actions are read along the sorted posts, with a jump over longer stretches between two of them. So the work is
    /// bounded by the number of posts asked about, not by the person's past.
    pub fn acted_among(&self, user: UserId, posts: &[PostId]) -> Result<Vec<bool>, StateError> {
        let mut wanted = posts.iter().map(|&post| self.original(post)).collect::<Result<Vec<_>, _>>()?;
        wanted.sort_unstable();
        wanted.dedup();
        let Some(&last) = wanted.last() else { return Ok(Vec::new()) };
        let end = user_key(user).post(last).raw(&[u8::MAX]);
        let mut acted = FxHashSet::default();
        let mut next = 0;
        'jump: while let Some(&from) = wanted.get(next) {
            let mut between = 0;
            for pair in self.storage.range(&user_key(user).post(from), &end)? {
                let (key, value) = pair?;
                let Some(original) = number_at(&key, 9).map(PostId) else {
                    return Err(self.storage.corrupt(Table::Acted, "a key cannot be read"));
                };
                next += wanted[next..].partition_point(|&wanted| wanted < original);
                if wanted.get(next) == Some(&original) {
                    let Some(group) = self.group(&key, &value) else {
                        return Err(self.storage.corrupt(Table::Acted, "an action cannot be read"));
                    };
                    if group.as_ref().is_none_or(|group| group.since().is_some()) {
                        acted.insert(original);
                    }
                    let standing = group.iter().flat_map(|group| &group.0).filter(|(_, it)| it.since().is_some());
                    acted.extend(standing.map(|(post, _)| *post));
                    between = 0;
                } else {
                    between += 1;
                }
                if between == JUMP_AFTER {
                    continue 'jump;
                }
            }
            break;
        }
        Ok(posts.iter().map(|post| acted.contains(post)).collect())
    }

    /// The actions of a person that stand on a post or, if it is an original, on reposts of it.
    pub fn acted(&self, user: UserId, post: PostId) -> Result<ActionMask, StateError> {
        let original = self.original(post)?;
        let mut actions = ActionMask::default();
        for pair in self.storage.scan(&user_key(user).post(original))? {
            let (key, value) = pair?;
            let (Some(&action @ 0..64), Some(group)) = (key.get(17), self.group(&key, &value)) else {
                return Err(self.storage.corrupt(Table::Acted, "an action cannot be read"));
            };
            let stands = group.is_none_or(|group| {
                let mut counted = group.0.iter().filter(|(on, _)| *on == post || original == post);
                counted.any(|(_, standing)| standing.since().is_some())
            });
            if stands {
                actions.insert(action);
            }
        }
        Ok(actions)
    }

    /// The group of a stored action; `Some(None)` for a continuous one.
    #[expect(clippy::option_option, reason = "unreadable is not the same as without a group")]
    fn group(&self, key: &[u8], value: &[u8]) -> Option<Option<Group>> {
        let &action = key.get(17)?;
        if self.settings.is_discrete(action) { Group::decode(Decoder(value)).map(Some) } else { Some(None) }
    }
}

impl Applier<'_, '_> {
    /// Takes in a discrete action or its taking back; returns whether this changed anything.
    pub(crate) fn stand(&mut self, at: TimeMs, event: &ActionEvent, target: &Target) -> Result<bool, StateError> {
        let (user, post, action) = (event.user_id, event.post_id, event.action);
        let key = key(user, target.original, action);
        let mut group = self.tx.read(&key, Group::decode)?.unwrap_or_default();
        let counted = group.since();
        let standing = group.standing_mut(post);
        let was = standing.since();
        if event.undo {
            standing.take_back(at);
        } else {
            standing.take(at, event.surface);
        }
        let (is, surface) = (standing.since(), standing.surface());
        let counts = group.since();
        self.tx.put(key, |out| group.encode(out));
        self.wait(user, action, target);

        let noted = (!event.undo).then_some(at);
        let (from, to) = if counted == counts { (None, None) } else { (counted, counts) };
        self.move_action(target.original, action, from, to, noted)?;
        if was == is {
            return Ok(false);
        }
        if let Some(was) = was {
            self.unmark(user, was, post, action)?;
        }
        if let Some(is) = is {
            self.mark(user, is, post, action, surface, target)?;
        }
        Ok(true)
    }

    /// Records a continuous action.
    pub(crate) fn note_looked(&mut self, event: &ActionEvent, target: &Target) {
        self.tx.put(key(event.user_id, target.original, event.action), |_| {});
        self.wait(event.user_id, event.action, target);
    }

    /// If the original is not known, records who acted on it.
    fn wait(&mut self, user: UserId, action: ActionIndex, target: &Target) {
        if !target.original_known {
            self.tx.put(waiting_key(target.original, user, action), |_| {});
        }
    }

    /// The creation of a post has just been read: moves the actions kept under it to its original.
    pub(crate) fn move_actions(&mut self, post: PostId, to: &Target) -> Result<(), StateError> {
        let moves = to.original != post;
        for waiting in self.tx.keys(&Key::of(Table::Waiting).post(post))? {
            self.tx.delete(waiting);
            let bytes = waiting.as_bytes();
            let (true, Some(user), Some(&action)) = (moves, number_at(bytes, 9), bytes.get(17)) else { continue };
            let user = UserId(user);
            let from = key(user, post, action);
            if self.settings.is_discrete(action) {
                self.move_group(from, key(user, to.original, action), post, to.original, action)?;
            } else {
                self.tx.delete(from);
                self.tx.put(key(user, to.original, action), |_| {});
            }
            self.wait(user, action, to);
        }
        if moves { self.move_counts(post, to.original) } else { Ok(()) }
    }

    fn move_group(
        &mut self,
        from: Key,
        to: Key,
        post: PostId,
        original: PostId,
        action: ActionIndex,
    ) -> Result<(), StateError> {
        let Some(moved) = self.tx.read(&from, Group::decode)? else { return Ok(()) };
        let mut group = self.tx.read(&to, Group::decode)?.unwrap_or_default();
        self.tx.delete(from);
        // Both count once together: the separate counts are removed, and the earlier one is counted again.
        let (apart, counted) = (moved.since(), group.since());
        for (post, standing) in moved.0 {
            *group.standing_mut(post) = standing;
        }
        self.move_action(post, action, apart, None, None)?;
        self.move_action(original, action, counted, group.since(), None)?;
        self.tx.put(to, |out| group.encode(out));
        Ok(())
    }
}
