//! The store: opening, following the log, applying batches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event_log::follow::{Projection, catch_up};
use event_log::{Event, EventSource, Position, Record, StoredPosition};
use foryou_types::{Accounts, PostId, Profile, UserActionSequence, UserId};
use parking_lot::{Condvar, Mutex, RwLock};
use rustc_hash::FxHashSet;

use crate::apply::Applier;
use crate::bytes::Decoder;
use crate::error::StateError;
use crate::graph::{list_of, whose_degree};
use crate::keys::{Key, Table, number_at};
use crate::keywords::KeywordList;
use crate::popularity::{Answers, Popularity};
use crate::posts::StoredPost;
use crate::profiles::StoredProfile;
use crate::read_cache::ReadCache;
use crate::settings::Settings;
use crate::storage::Storage;
use crate::tx::{Tx, WriterCache};

#[cfg(test)]
mod tests;

/// Version of the layout of keys and values. A store of another one is rebuilt.
const SCHEMA: u32 = 3;
/// Most bytes of cached posts, and of cached histories (one has up to 48 KB).
const POST_CACHE_BYTES: u64 = 32 << 20;
const HISTORY_CACHE_BYTES: u64 = 32 << 20;
/// Of follows, blocks, mutes and the like. Few entries are expected, so that the cache has few shards: a long list must fit in one.
const GRAPH_CACHE_BYTES: u64 = 64 << 20;
const GRAPH_CACHE_ENTRIES: usize = 256;
/// Of people's profiles, some 200 bytes each.
const PROFILE_CACHE_BYTES: u64 = 16 << 20;
/// Of lists of muted keywords. As with the graph, a long list must fit in one shard.
const KEYWORD_CACHE_BYTES: u64 = 16 << 20;
const KEYWORD_CACHE_ENTRIES: usize = 64;
/// Events applied while readers of the counts wait (under a millisecond).
const EVENTS_PER_LOCK: usize = 64;

/// The projections of one data folder, embedded.
///
/// Reads may run in any number of threads; batches are applied one at a time. A read that starts after [`StateStore::apply`]
/// returned sees the whole batch; one that runs beside it may see part of it.
pub struct StateStore {
    pub(crate) storage: Storage,
    pub(crate) settings: Settings,
    pub(crate) popularity: RwLock<Popularity>,
    pub(crate) post_cache: ReadCache<PostId, StoredPost>,
    pub(crate) history_cache: ReadCache<UserId, UserActionSequence>,
    pub(crate) graph_cache: ReadCache<Key, Accounts>,
    pub(crate) profile_cache: ReadCache<UserId, Option<StoredProfile>>,
    pub(crate) keyword_cache: ReadCache<UserId, KeywordList>,
    pub(crate) answers: Answers,
    log: Arc<dyn EventSource>,
    writer: Mutex<Writer>,
    position: Mutex<Position>,
    moved: Condvar,
}

/// What a store holds in memory. All of it is bounded, except a few bytes per person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateMemory {
    /// Blocks read from the disk; at most 64 MiB.
    pub cached_block_bytes: u64,
    /// Memtables that are not written out yet; a few of at most 16 MiB.
    pub write_buffer_bytes: u64,
    /// Posts that were asked for; 32 MiB at most.
    pub cached_post_bytes: u64,
    /// Histories of people who were asked for; 32 MiB at most.
    pub cached_history_bytes: u64,
    /// Lists of follows, blocks, mutes and the like of people who were asked for; 64 MiB at most.
    pub cached_graph_bytes: u64,
    /// Profiles.
    pub cached_profile_bytes: u64,
    /// Lists of muted keywords.
    pub cached_keyword_bytes: u64,
    /// Posts young enough to be shown, with their counts.
    pub recent_posts: usize,
    /// People whose last activity is known, in sets without impressions.
    pub active_people: usize,
}

struct Writer {
    cache: WriterCache,
    batches: Batches,
    /// A write failed: memory may be ahead of the disk. The next batch reads it from the disk again first.
    stopped: bool,
}

fn schema_key() -> Key {
    Key::of(Table::Meta).raw(b"schema")
}

fn position_key() -> Key {
    Key::of(Table::Meta).raw(b"position")
}

impl StateStore {
    /// Opens the state below `dir` and brings it to the end of the log.
    ///
    /// A state that cannot be read, of another layout or profile, or of another log is deleted and computed again from the log,
    /// with a warning that says why. One that covers more events than the log holds is an error ([`StateError::Ahead`]): it is
    /// what knows that the log lost its end.
    pub fn open(dir: &Path, log: Arc<dyn EventSource>, profile: &Profile) -> Result<Self, StateError> {
        Self::open_reporting(dir, log, profile, &|_| {})
    }

    /// As [`StateStore::open`]; while it catches up, `report` is told the position it has reached.
    pub fn open_reporting(
        dir: &Path,
        log: Arc<dyn EventSource>,
        profile: &Profile,
        report: &dyn Fn(&Position),
    ) -> Result<Self, StateError> {
        let why = match Self::open_existing(dir, &log, profile) {
            Ok(Found::Current(store)) => match store.catch_up_telling(&mut |_| {}, report) {
                Ok(_) => return Ok(*store),
                Err(error) if error.is_damage() => error.to_string(),
                Err(error) => return Err(error),
            },
            Ok(Found::Stale(why)) => why,
            Err(error) if error.is_damage() => error.to_string(),
            Err(error) => return Err(error),
        };
        tracing::warn!(path = %dir.display(), why, "the state is thrown away and rebuilt from the log");
        Self::rebuild_reporting(dir, log, profile, report)
    }

    /// Deletes the state below `dir` and computes it again from the log.
    pub fn rebuild(dir: &Path, log: Arc<dyn EventSource>, profile: &Profile) -> Result<Self, StateError> {
        Self::rebuild_reporting(dir, log, profile, &|_| {})
    }

    /// As [`StateStore::rebuild`]; `report` is told the position that is reached.
    pub fn rebuild_reporting(
        dir: &Path,
        log: Arc<dyn EventSource>,
        profile: &Profile,
        report: &dyn Fn(&Position),
    ) -> Result<Self, StateError> {
        // The lock of a running process lies in the folder that is about to go: ask for it first.
        match Storage::open(dir) {
            Ok(storage) => drop(storage),
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error),
        }
        Storage::delete(dir)?;
        let store = Self::create(dir, log, profile)?;
        store.catch_up_telling(&mut |_| {}, report)?;
        Ok(store)
    }

    fn create(dir: &Path, log: Arc<dyn EventSource>, profile: &Profile) -> Result<Self, StateError> {
        let storage = Storage::open(dir)?;
        let settings = Settings::of(profile);
        let mut cache = WriterCache::new();
        let mut tx = Tx::new(&storage, &mut cache);
        tx.put(schema_key(), |out| {
            out.text(&settings.fingerprint(SCHEMA));
        });
        tx.commit()?;
        let popularity = Popularity::load(&storage, &settings)?;
        Ok(Self::assemble(storage, settings, log, popularity, Position::default(), Batches::default()))
    }

    fn open_existing(dir: &Path, log: &Arc<dyn EventSource>, profile: &Profile) -> Result<Found, StateError> {
        if !Storage::exists(dir) {
            return Self::create(dir, log.clone(), profile).map(|store| Found::Current(Box::new(store)));
        }
        if Storage::is_marked_damaged(dir) {
            return Ok(Found::Stale("an earlier run found it damaged".to_owned()));
        }
        let storage = Storage::open(dir)?;
        let settings = Settings::of(profile);
        let wanted = settings.fingerprint(SCHEMA);
        let found = storage.get(&schema_key())?;
        let found = found.as_deref().and_then(|value| Decoder(value).text());
        if found != Some(&wanted) {
            let found = found.unwrap_or("no finished state");
            return Ok(Found::Stale(format!("it holds {found}, but {wanted} is needed")));
        }
        let (covered, position) = Self::stored_position(&storage, &**log)?;
        let held = log.head().position.events();
        if covered > held {
            return Err(StateError::Ahead { path: storage.path(), covered, held });
        }
        let Some(position) = position else {
            return Ok(Found::Stale(format!("it covers {covered} events that are not in the log")));
        };
        let Some(batches) = Batches::load(&storage)? else {
            return Ok(Found::Stale("one of its batches is missing".to_owned()));
        };
        // The engine asserts some of what it reads; see `Storage::open`.
        let loaded = catch_unwind(AssertUnwindSafe(|| Popularity::load(&storage, &settings)));
        let popularity =
            loaded.unwrap_or_else(|_| Err(storage.corrupt(Table::Meta, "the storage engine cannot read it")))?;
        let store = Self::assemble(storage, settings, log.clone(), popularity, position, batches);
        Ok(Found::Current(Box::new(store)))
    }

    fn assemble(
        storage: Storage,
        settings: Settings,
        log: Arc<dyn EventSource>,
        popularity: Popularity,
        position: Position,
        batches: Batches,
    ) -> Self {
        Self {
            storage,
            settings,
            popularity: RwLock::new(popularity),
            post_cache: ReadCache::new(65_536, POST_CACHE_BYTES),
            history_cache: ReadCache::new(4_096, HISTORY_CACHE_BYTES),
            graph_cache: ReadCache::new(GRAPH_CACHE_ENTRIES, GRAPH_CACHE_BYTES),
            profile_cache: ReadCache::new(65_536, PROFILE_CACHE_BYTES),
            keyword_cache: ReadCache::new(KEYWORD_CACHE_ENTRIES, KEYWORD_CACHE_BYTES),
            answers: Answers::default(),
            log,
            writer: Mutex::new(Writer { cache: WriterCache::new(), batches, stopped: false }),
            position: Mutex::new(position),
            moved: Condvar::new(),
        }
    }

    /// Keeps answers about popularity for so many milliseconds of the moment asked about, whatever is counted meanwhile (posts
    /// that come or go are heeded at once): for a folder whose clock goes on, where every request has another moment. A store
    /// is opened with a step of 0: only questions about one moment between which nothing was counted share an answer.
    #[must_use]
    pub fn with_answer_step_ms(mut self, step_ms: i64) -> Self {
        self.answers = Answers::with_step_ms(step_ms);
        self
    }

    /// Applies the events that the state lacks; returns the new position.
    pub fn catch_up(&self) -> Result<Position, StateError> {
        self.catch_up_telling(&mut |_| {}, &|_| {})
    }

    /// As [`Self::catch_up`]; `idle` gets each event that changed nothing, `report` the progress.
    pub(crate) fn catch_up_telling(
        &self,
        idle: &mut dyn FnMut(u64),
        report: &dyn Fn(&Position),
    ) -> Result<Position, StateError> {
        catch_up(&*self.log, &mut CatchingUp { store: self, idle }, report)?;
        Ok(self.position())
    }

    /// How far the state has come.
    pub fn position(&self) -> Position {
        self.position.lock().clone()
    }

    /// What the store holds in memory, by name.
    pub fn memory(&self) -> StateMemory {
        let (cached_block_bytes, write_buffer_bytes) = self.storage.memory_bytes();
        let (recent_posts, active_people) = self.popularity.read().sizes();
        StateMemory {
            cached_block_bytes,
            write_buffer_bytes,
            cached_post_bytes: self.post_cache.bytes(),
            cached_history_bytes: self.history_cache.bytes(),
            cached_graph_bytes: self.graph_cache.bytes(),
            cached_profile_bytes: self.profile_cache.bytes(),
            cached_keyword_bytes: self.keyword_cache.bytes(),
            recent_posts,
            active_people,
        }
    }

    /// Waits until the state covers `wanted`, at most `timeout`; says whether it does.
    pub fn wait_for(&self, wanted: &Position, timeout: Duration) -> bool {
        let mut position = self.position.lock();
        self.moved.wait_while_for(&mut position, |position| !position.covers(wanted), timeout);
        position.covers(wanted)
    }

    /// Applies the next events of the log, of which `position` is the end: all of them or, on an error, none (then the
    /// next call continues from what is on the disk). Events that the state has already are skipped.
    pub fn apply(&self, records: &[Record], position: &Position) -> Result<(), StateError> {
        self.apply_records(records, position, &mut |_| {})
    }

    fn apply_records(
        &self,
        records: &[Record],
        position: &Position,
        idle: &mut dyn FnMut(u64),
    ) -> Result<(), StateError> {
        self.apply_events(records.iter().map(|record| (record.seq, &record.event)), position, idle)
    }

    /// Applies events; `idle` gets each event that changed nothing a reader can see.
    pub(crate) fn apply_events<'e>(
        &self,
        events: impl Iterator<Item = (u64, &'e Event)>,
        position: &Position,
        idle: &mut dyn FnMut(u64),
    ) -> Result<(), StateError> {
        let mut writer = self.writer.lock();
        if writer.stopped {
            self.resume(&mut writer)?;
        }
        let covered = self.position().events();
        let mut events = events.skip_while(|(seq, _)| *seq < covered).peekable();
        let Some(&(first, _)) = events.peek() else { return Ok(()) };
        if first != covered {
            return Err(StateError::Gap { path: self.storage.path(), expected: covered, found: first });
        }
        let result = self.write_batch(&mut writer, events, first, position, idle);
        if result.is_err() {
            writer.stopped = true;
        }
        let written = result?;
        self.post_cache.forget(written.posts.into_iter());
        self.history_cache.forget(written.people.into_iter());
        self.graph_cache.forget(written.edge_lists.into_iter());
        self.profile_cache.forget(written.profiles.into_iter());
        self.keyword_cache.forget(written.keyword_lists.into_iter());
        self.popularity.write().prune();
        self.position.lock().clone_from(position);
        self.moved.notify_all();
        Ok(())
    }

    /// Continues after a failed write: memory may be ahead of the disk, so it is read from the disk again.
    fn resume(&self, writer: &mut Writer) -> Result<(), StateError> {
        self.storage.reopen()?;
        let (covered, position) = Self::stored_position(&self.storage, &*self.log)?;
        let Some(position) = position else {
            let problem = format!("it covers {covered} events that are not in the log");
            return Err(self.storage.corrupt(Table::Meta, &problem));
        };
        let Some(batches) = Batches::load(&self.storage)? else {
            return Err(self.storage.corrupt(Table::Batches, "a batch is missing after a failed write"));
        };
        let popularity = Popularity::load(&self.storage, &self.settings)?;
        *writer = Writer { cache: WriterCache::new(), batches, stopped: false };
        *self.popularity.write() = popularity;
        self.post_cache.clear();
        self.history_cache.clear();
        self.graph_cache.clear();
        self.profile_cache.clear();
        self.keyword_cache.clear();
        self.answers.clear();
        *self.position.lock() = position;
        self.moved.notify_all();
        tracing::warn!(path = self.storage.path(), "the projections continue after a failed write");
        Ok(())
    }

    /// How many events the store covers, and the position, if the log holds these events.
    fn stored_position(storage: &Storage, log: &dyn EventSource) -> Result<(u64, Option<Position>), StateError> {
        let Some(value) = storage.get(&position_key())? else { return Ok((0, Some(Position::default()))) };
        Ok(match StoredPosition::decode(&value) {
            Some(StoredPosition::Vector(position)) => {
                let is_held = log.holds(&position)?;
                (position.events(), is_held.then_some(position))
            }
            // Written before positions were vectors.
            Some(StoredPosition::Counted { events, check }) => {
                let there = log.position_at(events)?;
                (events, there.filter(|position| position.check().unwrap_or_default() == check))
            }
            None => return Err(storage.corrupt(Table::Meta, "the position cannot be read")),
        })
    }

    /// Returns which cached values the batch changed.
    fn write_batch<'e>(
        &self,
        writer: &mut Writer,
        mut events: impl Iterator<Item = (u64, &'e Event)>,
        first: u64,
        position: &Position,
        idle: &mut dyn FnMut(u64),
    ) -> Result<Written, StateError> {
        let Writer { cache, batches, .. } = writer;
        let mut tx = Tx::new(&self.storage, cache);
        loop {
            let mut popularity = self.popularity.write();
            let mut applier = Applier { tx: &mut tx, popularity: &mut popularity, settings: &self.settings };
            let mut done = 0;
            for (seq, event) in events.by_ref().take(EVENTS_PER_LOCK) {
                if !applier.event(event)? {
                    idle(seq);
                }
                done += 1;
            }
            if done < EVENTS_PER_LOCK {
                applier.write_counts_of_memory();
                break;
            }
        }
        tx.put(position_key(), |out| {
            position.encode(&mut out.0);
        });
        batches.add(&mut tx, first, position.events());
        let first_number = |key: &Key| number_at(key.as_bytes(), 1);
        let written = Written {
            posts: tx.written(Table::Posts).filter_map(first_number).map(PostId).collect(),
            people: tx.written(Table::Acts).filter_map(first_number).map(UserId).collect(),
            edge_lists: tx.written(Table::Targets).chain(tx.written(Table::Sources)).map(list_of).collect(),
            profiles: tx
                .written(Table::Profiles)
                .filter_map(first_number)
                .map(UserId)
                .chain(tx.written(Table::Degrees).filter_map(whose_degree))
                .collect(),
            keyword_lists: tx.written(Table::Keywords).filter_map(first_number).map(UserId).collect(),
        };
        tx.commit()?;
        Ok(written)
    }

    /// Visits every key and value of every projection, in key order: what a rebuilt state must agree with byte for byte.
    pub fn for_each(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StateError> {
        let position = position_key();
        for pair in self.storage.all()? {
            let (key, value) = pair?;
            // Where batches ended, and the check of the last one, are not part of what was computed.
            if key.first() != Some(&(Table::Batches as u8)) && *key != *position.as_bytes() {
                visit(&key, &value);
            }
        }
        Ok(())
    }

    /// A hash of everything [`Self::for_each`] visits.
    pub fn dump_hash(&self) -> Result<u64, StateError> {
        let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
        self.for_each(&mut |key, value| {
            for part in [key, value] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        })?;
        Ok(hash.digest())
    }
}

/// A store that catches up with the log.
struct CatchingUp<'a> {
    store: &'a StateStore,
    /// Gets each event that changed nothing.
    idle: &'a mut dyn FnMut(u64),
}

impl Projection for CatchingUp<'_> {
    type Error = StateError;

    fn position(&self) -> Position {
        self.store.position()
    }

    fn apply(&mut self, records: &[Record], position: &Position) -> Result<(), StateError> {
        self.store.apply_records(records, position, self.idle)
    }
}

/// The cached values that a batch changed.
struct Written {
    posts: Vec<PostId>,
    /// Whose history changed.
    people: FxHashSet<UserId>,
    edge_lists: FxHashSet<Key>,
    /// Whose profile changed, or the number of their followers.
    profiles: FxHashSet<UserId>,
    keyword_lists: FxHashSet<UserId>,
}

/// What is in a folder.
enum Found {
    Current(Box<StateStore>),
    /// It cannot be used, and why.
    Stale(String),
}

/// The last batches, numbered, in a ring: the engine recovers a journal up to its first unreadable byte and then goes on with the
/// next journal, so a damaged one can leave a hole before a later position. A number missing here tells.
#[derive(Debug, Default)]
struct Batches {
    /// Number of the next batch.
    next: u64,
}

impl Batches {
    /// Batches remembered.
    const KEPT: u64 = 4_096;

    fn key(number: u64) -> Key {
        Key::of(Table::Batches).number(number % Self::KEPT)
    }

    fn add(&mut self, tx: &mut Tx<'_>, first: u64, end: u64) {
        tx.put(Self::key(self.next), |out| {
            out.number(self.next).number(first).number(end);
        });
        self.next += 1;
    }

    /// `None`: a batch is missing.
    fn load(storage: &Storage) -> Result<Option<Self>, StateError> {
        let mut found = Vec::new();
        for pair in storage.scan(&Key::of(Table::Batches))? {
            let (_, value) = pair?;
            let mut value = Decoder(&value);
            let (Some(number), Some(first), Some(end)) = (value.number(), value.number(), value.number()) else {
                return Err(storage.corrupt(Table::Batches, "an entry cannot be read"));
            };
            found.push((number, first, end));
        }
        found.sort_unstable();
        let starts_whole = found.first().is_none_or(|&(number, first, _)| number > 0 || first == 0);
        let next = found.last().map_or(0, |&(number, ..)| number + 1);
        let is_chain = found.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0 && pair[0].2 == pair[1].1);
        let is_all = found.len() as u64 == next.min(Self::KEPT);
        Ok((starts_whole && is_chain && is_all).then_some(Self { next }))
    }
}
