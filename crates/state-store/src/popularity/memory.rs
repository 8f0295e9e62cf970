//! The counts that are asked for with every feed, in memory: those of recent posts, the totals, and who was active.
//!
//! What is here is the same as in the store's tables after every batch; posts that grow old leave memory, not the store.

use event_log::{ActionEvent, Event, EventBody, Origin};
use foryou_types::{ActionKind, ActionSet, EngagementCounts, PostId, TimeMs, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::counts::{self, PostCounts};
use super::score::Weight;
use crate::apply::Applier;
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table, number_at, time_at};
use crate::posts::{PostRef, by_time_key, decode_by_time};
use crate::settings::Settings;
use crate::storage::Storage;

/// A recent post.
#[derive(Debug)]
pub(crate) struct Recent {
    pub(crate) created_at: TimeMs,
    pub(crate) author: UserId,
    pub(crate) source: PostId,
    /// What of the counts its score depends on.
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
        self.weight = counts.as_ref().map_or_else(Weight::default, |counts| Weight::of(&counts.faded, settings));
        self.counts = counts;
    }
}

/// The counts in memory.
#[derive(Debug)]
pub(crate) struct Popularity {
    /// The first event not in these counts: their version.
    pub(crate) next_seq: u64,
    /// Every post created at or after `floor` that is not deleted.
    recent: FxHashMap<PostId, Recent>,
    floor: TimeMs,
    totals: Totals,
    /// Time of everyone's last action or impression; empty where posts have impressions of their own.
    viewers: FxHashMap<UserId, TimeMs>,
    /// Changed since the last batch was written.
    dirty_posts: FxHashSet<PostId>,
    dirty_viewers: FxHashSet<UserId>,
    retention_ms: i64,
}

#[derive(Clone, Debug, Default)]
struct Totals {
    /// All posts together.
    engagement: EngagementCounts,
    /// Posts that anyone ever acted on.
    engaged_posts: u64,
    /// The newest event that is not the server's own.
    newest: Option<TimeMs>,
}

fn totals_key() -> Key {
    Key::of(Table::Meta).raw(b"totals")
}

fn encode_totals(totals: &Totals, out: &mut Encoder) {
    counts::encode_faded(&totals.engagement, out);
    out.number(totals.engaged_posts).byte(u8::from(totals.newest.is_some())).time(totals.newest.unwrap_or_default());
}

fn decode_totals(mut value: Decoder<'_>) -> Option<Totals> {
    let engagement = counts::decode_faded(&mut value)?;
    let engaged_posts = value.number()?;
    let newest = (value.byte()? != 0, value.time()?);
    value.end(Totals { engagement, engaged_posts, newest: newest.0.then_some(newest.1) })
}

fn viewer_key(user: UserId) -> Key {
    Key::of(Table::Viewers).user(user)
}

impl Popularity {
    /// Reads the counts back from the store.
    pub(crate) fn load(storage: &Storage, settings: &Settings, next_seq: u64) -> Result<Self, StateError> {
        let key = totals_key();
        let totals = match storage.get(&key)? {
            Some(value) => decode_totals(Decoder(&value))
                .ok_or_else(|| storage.corrupt(key.table(), "the totals cannot be read"))?,
            None => Totals::default(),
        };
        let floor = totals.newest.map_or(TimeMs(i64::MIN), |newest| newest - settings.retention_ms);
        let mut popularity = Self {
            next_seq,
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
        for pair in storage.scan(&Key::of(Table::Viewers)) {
            let (key, value) = pair?;
            let mut value = Decoder(&value);
            let (Some(user), Some(at)) = (number_at(&key, 1), value.time()) else {
                return Err(storage.corrupt(Table::Viewers, "a time cannot be read"));
            };
            popularity.viewers.insert(UserId(user), at);
        }
        Ok(popularity)
    }

    fn load_counts(&mut self, storage: &Storage, settings: &Settings) -> Result<(), StateError> {
        let unreadable = || storage.corrupt(Table::Counts, "counts cannot be read");
        // One pass over the table is some ten times cheaper per post than asking for each.
        if self.totals.engaged_posts <= 10 * self.recent.len() as u64 {
            for pair in storage.scan(&Key::of(Table::Counts)) {
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

    /// Every recent post that is not deleted, in no order.
    pub(crate) fn recents(&self) -> impl Iterator<Item = (PostId, &Recent)> {
        self.recent.iter().map(|(&id, recent)| (id, recent))
    }

    /// Posts older than this are not in memory.
    pub(crate) const fn floor(&self) -> TimeMs {
        self.floor
    }

    /// Whether a post created then belongs into memory.
    pub(crate) fn keeps(&self, created_at: TimeMs) -> bool {
        created_at >= self.floor
    }

    pub(crate) fn insert(&mut self, id: PostId, recent: Recent) {
        self.recent.insert(id, recent);
    }

    /// Takes a post out; its counts, where they were not written yet.
    pub(crate) fn remove(&mut self, id: PostId) -> Option<Box<PostCounts>> {
        let removed = self.recent.remove(&id)?;
        if self.dirty_posts.remove(&id) { removed.counts } else { None }
    }

    pub(crate) const fn newest_event_at(&self) -> Option<TimeMs> {
        self.totals.newest
    }

    /// All posts together.
    pub(crate) const fn total(&self) -> &EngagementCounts {
        &self.totals.engagement
    }

    /// Number of posts in memory (young enough to be shown) that anyone acted on.
    pub(crate) fn engaged_recent_posts(&self) -> usize {
        self.recent.values().filter(|recent| recent.counts.is_some()).count()
    }

    /// Number of people whose last action or impression was at or after `since`.
    pub(crate) fn viewers_since(&self, since: TimeMs) -> usize {
        self.viewers.values().filter(|&&at| at >= since).count()
    }

    /// Lets posts go that are too old by now. Called between batches; does not change what any question is answered.
    pub(crate) fn prune(&mut self) {
        let Some(newest) = self.totals.newest else { return };
        let floor = newest - self.retention_ms;
        // Walking the whole table pays off only now and then.
        if floor.since(self.floor) > self.retention_ms / 16 {
            self.recent.retain(|_, recent| recent.created_at >= floor);
            self.floor = floor;
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
    for pair in storage.range(&from, &to) {
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
    /// Notes that an event was applied.
    pub(crate) fn note_event(&mut self, seq: u64, event: &Event) {
        self.popularity.next_seq = seq + 1;
        let is_ours = event.origin == Origin::Server
            || matches!(event.body, EventBody::Name { .. } | EventBody::ImportProgress(_) | EventBody::Served(_));
        if !is_ours {
            let newest = &mut self.popularity.totals.newest;
            *newest = Some(newest.map_or(event.at, |newest| newest.max(event.at)));
        }
    }

    pub(crate) fn count_impression(&mut self, post: PostId, at: TimeMs) -> Result<(), StateError> {
        let half_life = self.settings.half_life;
        self.change_counts(post, at, |counts| counts.add_impression(at, half_life))?;
        self.total(at).add_impressions(1.0, at, half_life);
        Ok(())
    }

    /// Counts an action, and dwell with any action. `taken_at`: when the action was taken that is now taken back; the count
    /// loses what is left of it. An action taken back that nobody took counts nothing.
    pub(crate) fn count_action(
        &mut self,
        post: PostId,
        at: TimeMs,
        action: &ActionEvent,
        kind: ActionKind,
        taken_at: Option<TimeMs>,
    ) -> Result<(), StateError> {
        let half_life = self.settings.half_life;
        let seconds = match (self.settings.dwell_head, action.dwell_ms) {
            (Some(head), Some(ms)) if !action.undo => {
                Some((head, (f64::from(ms) / 1_000.0).min(ActionSet::DWELL_CLIP_SECONDS)))
            }
            _ => None,
        };
        let step = match (action.undo, taken_at) {
            (true, None) => return Ok(()),
            (true, Some(taken_at)) => (kind == ActionKind::Discrete).then_some((-1.0, taken_at)),
            (false, _) => (kind == ActionKind::Discrete).then_some((1.0, at)),
        };
        let add = |counts: &mut EngagementCounts| {
            if let Some((amount, at)) = step {
                counts.add_action(action.action, amount, at, half_life);
            }
            if let Some((head, seconds)) = seconds {
                counts.add_action(head, seconds, at, half_life);
            }
        };
        let mut is_first = false;
        self.change_counts(post, at, |counts| {
            add(&mut counts.faded);
            let whole = counts.action_mut(action.action);
            *whole = if action.undo { whole.saturating_sub(1) } else { whole.saturating_add(1) };
            is_first = !std::mem::replace(&mut counts.engaged, true);
        })?;
        add(self.total(at));
        self.popularity.totals.engaged_posts += u64::from(is_first);
        Ok(())
    }

    /// Notes that a person was there.
    pub(crate) fn viewer_active(&mut self, user: UserId, at: TimeMs) {
        let last = self.popularity.viewers.entry(user).or_insert(at);
        *last = (*last).max(at);
        self.popularity.dirty_viewers.insert(user);
    }

    /// Puts the counts that changed in memory into the batch.
    pub(crate) fn write_counts_of_memory(&mut self) {
        for id in std::mem::take(&mut self.popularity.dirty_posts) {
            if let Some(counts) = self.popularity.recent.get(&id).and_then(|recent| recent.counts.as_ref()) {
                self.tx.put(counts::key(id), |out| counts::encode(counts, out));
            }
        }
        for user in std::mem::take(&mut self.popularity.dirty_viewers) {
            if let Some(&at) = self.popularity.viewers.get(&user) {
                self.tx.put(viewer_key(user), |out| {
                    out.time(at);
                });
            }
        }
        self.tx.put(totals_key(), |out| encode_totals(&self.popularity.totals, out));
    }

    fn total(&mut self, at: TimeMs) -> &mut EngagementCounts {
        let total = &mut self.popularity.totals.engagement;
        // Values, not lengths: zeros at the end of the vector are not stored.
        if total.impressions == 0.0 && total.actions.iter().all(|&n| n == 0.0) {
            total.at = at;
        }
        total
    }

    fn change_counts(
        &mut self,
        post: PostId,
        at: TimeMs,
        change: impl FnOnce(&mut PostCounts),
    ) -> Result<(), StateError> {
        if let Some(recent) = self.popularity.recent.get_mut(&post) {
            let counts = recent.counts.get_or_insert_with(|| Box::new(PostCounts::starting(at)));
            change(counts);
            recent.weight = Weight::of(&counts.faded, self.settings);
            self.popularity.dirty_posts.insert(post);
        } else {
            let mut counts = self.read_counts(post)?.unwrap_or_else(|| PostCounts::starting(at));
            change(&mut counts);
            self.write_counts(post, &counts);
        }
        Ok(())
    }
}
