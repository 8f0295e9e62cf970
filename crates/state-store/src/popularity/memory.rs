//! The counts that every feed needs, in memory: those of recent posts, the totals, and when people were active.
//!
//! What is here is the same as in the store's tables after every batch; posts that grow old leave memory, not the store.

use event_log::{ActionEvent, Event, EventBody, Origin};
use foryou_types::{ActionIndex, ActionSet, PostId, TimeMs, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::counts::{self, PostCounts};
use super::fading::Fading;
use super::score::Weight;
use crate::apply::Applier;
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::history;
use crate::keys::{Key, Table, number_at, time_at};
use crate::posts::{PostRef, by_time_key, decode_by_time};
use crate::settings::Settings;
use crate::storage::Storage;

/// Upper limit of counted attention, in milliseconds.
const DWELL_CLIP_MS: u32 = (ActionSet::DWELL_CLIP_SECONDS * 1_000.0) as u32;

/// A recent post.
#[derive(Debug)]
pub(crate) struct Recent {
    pub(crate) created_at: TimeMs,
    pub(crate) author: UserId,
    pub(crate) source: PostId,
    /// The part of the counts that its score depends on.
    pub(crate) weight: Weight,
    counts: Option<Box<PostCounts>>,
}

impl Recent {
    pub(crate) fn new(
        created_at: TimeMs,
        found: PostRef,
        counts: Option<Box<PostCounts>>,
        settings: &Settings,
    ) -> Self {
        let mut recent =
            Self { created_at, author: found.author, source: found.source, weight: Weight::default(), counts: None };
        recent.set_counts(counts, settings);
        recent
    }

    pub(crate) fn counts(&self) -> Option<&PostCounts> {
        self.counts.as_deref()
    }

    fn set_counts(&mut self, counts: Option<Box<PostCounts>>, settings: &Settings) {
        self.weight = counts.as_ref().map_or_else(Weight::default, |counts| Weight::of(&counts.fading, settings));
        self.counts = counts;
    }
}

/// Numbers of changes since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// Posts added or removed.
    pub(super) posts: u64,
    /// Events counted, without the server's own records (served feeds).
    pub(super) counts: u64,
}

/// The counts in memory.
#[derive(Debug)]
pub(crate) struct Popularity {
    /// Tells whether answers that were computed from these counts are still valid.
    pub(super) version: Version,
    /// Every post created at or after `floor` that is not deleted.
    recent: FxHashMap<PostId, Recent>,
    floor: TimeMs,
    totals: Totals,
    /// When everyone was last active.
    viewers: FxHashMap<UserId, Activity>,
    /// Changed since the last batch was written.
    dirty_posts: FxHashSet<PostId>,
    dirty_viewers: FxHashSet<UserId>,
    retention_ms: i64,
}

/// When a person was last active.
#[derive(Clone, Copy, Debug, Default)]
struct Activity {
    /// The last action that stands.
    acted: Option<TimeMs>,
    /// The last impression.
    shown: Option<TimeMs>,
}

#[derive(Clone, Debug, Default)]
struct Totals {
    /// All posts together.
    engagement: Fading,
    /// Posts that anyone's action stands on.
    engaged_posts: u64,
    /// The newest event that is not the server's own.
    newest: Option<TimeMs>,
}

fn totals_key() -> Key {
    Key::of(Table::Meta).raw(b"totals")
}

fn encode_totals(totals: &Totals, out: &mut Encoder) {
    totals.engagement.encode(out);
    out.number(totals.engaged_posts).maybe_time(totals.newest);
}

fn decode_totals(mut value: Decoder<'_>) -> Option<Totals> {
    let engagement = Fading::decode(&mut value)?;
    let engaged_posts = value.number()?;
    let newest = value.maybe_time()?;
    value.end(Totals { engagement, engaged_posts, newest })
}

fn viewer_key(user: UserId) -> Key {
    Key::of(Table::Viewers).user(user)
}

impl Popularity {
    /// Reads the counts back from the store.
    pub(crate) fn load(storage: &Storage, settings: &Settings) -> Result<Self, StateError> {
        let key = totals_key();
        let totals = match storage.get(&key)? {
            Some(value) => decode_totals(Decoder(&value))
                .ok_or_else(|| storage.corrupt(key.table(), "the totals cannot be read"))?,
            None => Totals::default(),
        };
        let floor = totals.newest.map_or(TimeMs(i64::MIN), |newest| newest - settings.retention_ms);
        let mut popularity = Self {
            version: Version::default(),
            recent: FxHashMap::default(),
            floor,
            totals,
            viewers: FxHashMap::default(),
            dirty_posts: FxHashSet::default(),
            dirty_viewers: FxHashSet::default(),
            retention_ms: settings.retention_ms,
        };
        for (id, created_at, found) in posts_by_time(storage, floor, TimeMs(i64::MAX))? {
            popularity.recent.insert(id, Recent::new(created_at, found, None, settings));
        }
        popularity.load_counts(storage, settings)?;
        for pair in storage.scan(&Key::of(Table::Viewers))? {
            let (key, value) = pair?;
            let mut value = Decoder(&value);
            let (Some(user), Some(at)) = (number_at(&key, 1), value.time()) else {
                return Err(storage.corrupt(Table::Viewers, "a time cannot be read"));
            };
            popularity.viewers.insert(UserId(user), Activity { acted: None, shown: Some(at) });
        }
        let viewers = &mut popularity.viewers;
        history::last_acts(storage, |user, at| viewers.entry(user).or_default().acted = Some(at))?;
        Ok(popularity)
    }

    fn load_counts(&mut self, storage: &Storage, settings: &Settings) -> Result<(), StateError> {
        let unreadable = || storage.corrupt(Table::Counts, "counts cannot be read");
        // One pass over the table is about ten times cheaper per post than single reads.
        if self.totals.engaged_posts <= 10 * self.recent.len() as u64 {
            for pair in storage.scan(&Key::of(Table::Counts))? {
                let (key, value) = pair?;
                let id = number_at(&key, 1).ok_or_else(unreadable)?;
                if let Some(recent) = self.recent.get_mut(&PostId(id)) {
                    let counts = counts::decode(Decoder(&value)).ok_or_else(unreadable)?;
                    recent.set_counts(Some(Box::new(counts)), settings);
                }
            }
        } else {
            for (&id, recent) in &mut self.recent {
                if let Some(value) = storage.get(&counts::key(id))? {
                    let counts = counts::decode(Decoder(&value)).ok_or_else(unreadable)?;
                    recent.set_counts(Some(Box::new(counts)), settings);
                }
            }
        }
        Ok(())
    }

    /// A recent post that is not deleted.
    pub(crate) fn recent(&self, id: PostId) -> Option<&Recent> {
        self.recent.get(&id)
    }

    /// Every recent post that is not deleted, in any order.
    pub(crate) fn recents(&self) -> impl Iterator<Item = (PostId, &Recent)> {
        self.recent.iter().map(|(&id, recent)| (id, recent))
    }

    /// Posts older than this are not in memory.
    pub(crate) const fn floor(&self) -> TimeMs {
        self.floor
    }

    /// Whether a post created at this time belongs in memory.
    pub(crate) fn keeps(&self, created_at: TimeMs) -> bool {
        created_at >= self.floor
    }

    pub(crate) fn insert(&mut self, id: PostId, recent: Recent) {
        self.recent.insert(id, recent);
    }

    /// Removes a post; returns its counts if they were not written yet.
    pub(crate) fn remove(&mut self, id: PostId) -> Option<Box<PostCounts>> {
        let removed = self.recent.remove(&id)?;
        if self.dirty_posts.remove(&id) { removed.counts } else { None }
    }

    /// All posts together.
    pub(crate) const fn total(&self) -> &Fading {
        &self.totals.engagement
    }

    /// Number of posts in memory (young enough to be shown) that anyone's action stands on.
    pub(crate) fn engaged_recent_posts(&self) -> usize {
        // Posts that are too old stay in memory for a while: they must not count.
        let floor = self.totals.newest.map_or(TimeMs(i64::MIN), |newest| newest - self.retention_ms);
        let young = self.recent.values().filter(|recent| recent.created_at >= floor);
        young.filter(|recent| recent.counts().is_some_and(PostCounts::is_engaged)).count()
    }

    /// Number of people whose last impression, or last action that stands, was at or after `since`.
    pub(crate) fn viewers_since(&self, since: TimeMs) -> usize {
        self.viewers.values().filter(|last| last.acted.max(last.shown) >= Some(since)).count()
    }

    /// Recent posts, and people who were ever active, that are in memory.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.recent.len(), self.viewers.len())
    }

    /// Drops posts that are too old now. Called between batches; does not change any answer.
    pub(crate) fn prune(&mut self) {
        let Some(newest) = self.totals.newest else { return };
        let floor = newest - self.retention_ms;
        // Walking the whole table pays off only occasionally.
        if floor.since(self.floor) > self.retention_ms / 16 {
            self.recent.retain(|_, recent| recent.created_at >= floor);
            self.floor = floor;
            self.version.counts += 1;
        }
    }
}

/// Posts that are not deleted with `from <= created_at < to`: id, time, author and source.
pub(crate) fn posts_by_time(
    storage: &Storage,
    from: TimeMs,
    to: TimeMs,
) -> Result<Vec<(PostId, TimeMs, PostRef)>, StateError> {
    let (from, to) = (by_time_key(from, PostId::NONE), by_time_key(to, PostId::NONE));
    let mut posts = Vec::new();
    for pair in storage.range(&from, &to)? {
        let (key, value) = pair?;
        let entry = (time_at(&key, 1), number_at(&key, 9), decode_by_time(Decoder(&value)));
        let (Some(at), Some(id), Some(found)) = entry else {
            return Err(storage.corrupt(Table::PostsByTime, "an entry cannot be read"));
        };
        posts.push((PostId(id), at, found));
    }
    Ok(posts)
}

impl Applier<'_, '_> {
    /// Records that an event was applied.
    pub(crate) fn note_event(&mut self, event: &Event) {
        let version = &mut self.popularity.version;
        match event.body {
            EventBody::Post(_) | EventBody::Delete { .. } => version.posts += 1,
            EventBody::Action(_) | EventBody::Impression(_) => version.counts += 1,
            _ => {}
        }
        let is_ours = event.origin == Origin::Server
            || matches!(event.body, EventBody::Name { .. } | EventBody::ImportProgress(_) | EventBody::Served(_));
        if !is_ours {
            let newest = &mut self.popularity.totals.newest;
            *newest = Some(newest.map_or(event.at, |newest| newest.max(event.at)));
        }
    }

    pub(crate) fn count_impression(&mut self, post: PostId, at: TimeMs) -> Result<(), StateError> {
        let half_life_ms = self.settings.half_life_ms;
        self.change_counts(post, |counts| counts.add_impression(at, half_life_ms))?;
        self.popularity.totals.engagement.add_impression(at, half_life_ms);
        Ok(())
    }

    /// Counts attention with any action, and the continuous action itself.
    pub(crate) fn count_dwell(&mut self, post: PostId, at: TimeMs, action: &ActionEvent) -> Result<(), StateError> {
        let half_life_ms = self.settings.half_life_ms;
        let dwell = self.settings.dwell_head.zip(action.dwell_ms.map(|ms| u64::from(ms.min(DWELL_CLIP_MS))));
        let is_continuous = !self.settings.is_discrete(action.action);
        self.change_counts(post, |counts| {
            if let Some((head, ms)) = dwell {
                counts.fading.add(head, ms, at, half_life_ms);
            }
            if is_continuous {
                counts.count(action.action);
            }
        })?;
        if let Some((head, ms)) = dwell {
            self.popularity.totals.engagement.add(head, ms, at, half_life_ms);
        }
        Ok(())
    }

    /// Moves the count of one person's discrete action from one moment to another; `None` if it does not stand. `noted` is the moment
    /// of an event that changes nothing else; it is recorded so that the state does not depend on the order of arrival.
    pub(crate) fn move_action(
        &mut self,
        post: PostId,
        action: ActionIndex,
        from: Option<TimeMs>,
        to: Option<TimeMs>,
        noted: Option<TimeMs>,
    ) -> Result<(), StateError> {
        let half_life_ms = self.settings.half_life_ms;
        let change = |fading: &mut Fading| {
            if let Some(at) = noted {
                fading.note(at, half_life_ms);
            }
            if let Some(at) = from {
                fading.take_away(action, 1, at, half_life_ms);
            }
            if let Some(at) = to {
                fading.add(action, 1, at, half_life_ms);
            }
        };
        self.change_counts(post, |counts| {
            change(&mut counts.fading);
            if from.is_some() {
                counts.uncount(action);
            }
            if to.is_some() {
                counts.count(action);
            }
        })?;
        change(&mut self.popularity.totals.engagement);
        Ok(())
    }

    /// Moves all counts of one post, which is only in the store, to another post.
    pub(crate) fn move_counts(&mut self, from: PostId, to: PostId) -> Result<(), StateError> {
        let Some(counts) = self.read_counts(from)? else { return Ok(()) };
        self.popularity.totals.engaged_posts -= u64::from(counts.is_engaged());
        self.tx.delete(counts::key(from));
        let half_life_ms = self.settings.half_life_ms;
        self.change_counts(to, |own| own.merge(&counts, half_life_ms))
    }

    /// Records when a person was last shown something.
    pub(crate) fn viewer_shown(&mut self, user: UserId, at: TimeMs) {
        let last = &mut self.popularity.viewers.entry(user).or_default().shown;
        *last = (*last).max(Some(at));
        self.popularity.dirty_viewers.insert(user);
    }

    /// Records the last standing action of a person.
    pub(crate) fn viewer_acted(&mut self, user: UserId, last: Option<TimeMs>) {
        self.popularity.viewers.entry(user).or_default().acted = last;
    }

    /// Puts the counts that changed in memory into the batch.
    pub(crate) fn write_counts_of_memory(&mut self) {
        for id in std::mem::take(&mut self.popularity.dirty_posts) {
            if let Some(counts) = self.popularity.recent.get(&id).and_then(|recent| recent.counts.as_ref()) {
                self.tx.put(counts::key(id), |out| counts::encode(counts, out));
            }
        }
        for user in std::mem::take(&mut self.popularity.dirty_viewers) {
            if let Some(at) = self.popularity.viewers.get(&user).and_then(|last| last.shown) {
                self.tx.put(viewer_key(user), |out| {
                    out.time(at);
                });
            }
        }
        self.tx.put(totals_key(), |out| encode_totals(&self.popularity.totals, out));
    }

    /// Changes the counts of a post, in memory or in the store.
    fn change_counts(&mut self, post: PostId, change: impl FnOnce(&mut PostCounts)) -> Result<(), StateError> {
        let (was, is);
        if let Some(recent) = self.popularity.recent.get_mut(&post) {
            let counts = recent.counts.get_or_insert_default();
            was = counts.is_engaged();
            change(counts);
            is = counts.is_engaged();
            recent.weight = Weight::of(&counts.fading, self.settings);
            self.popularity.dirty_posts.insert(post);
        } else {
            let mut counts = self.read_counts(post)?.unwrap_or_default();
            was = counts.is_engaged();
            change(&mut counts);
            is = counts.is_engaged();
            self.write_counts(post, &counts);
        }
        let engaged = &mut self.popularity.totals.engaged_posts;
        *engaged = *engaged + u64::from(is) - u64::from(was);
        Ok(())
    }
}
