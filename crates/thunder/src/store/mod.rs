//! The post store: posts by id, and per author three lists of them by time.

mod author_shard;
mod hash;
mod lookup;
mod newest;
mod packed;
mod post_shard;
mod timeline;
mod trim;

use foryou_types::seams::LightPost;
use foryou_types::{Creation, PostId, PostLife, TimeMs, mix};
use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

pub use self::lookup::{Lookup, LookupStats, TimelineQuery, Timelines};
pub use self::trim::TrimReport;

use self::author_shard::AuthorShard;
use self::hash::{Loc, Padded, SHARDS, shard_of};
use self::packed::PackedPost;
use self::post_shard::PostShard;
use self::timeline::{List, Timeline};
use self::trim::TrimCursor;
use crate::config::StoreConfig;

/// The recent posts of everyone.
///
/// All methods take `&self` and may be called from any number of threads: posts and authors are each spread over 128 shards
/// with a lock of their own, held for one post or one author at a time.
///
/// ```
/// use foryou_types::seams::{InNetworkRequest, LightPost};
/// use foryou_types::{PostId, TimeMs, UserId};
/// use thunder::{PostStore, StoreConfig};
///
/// let store = PostStore::new(StoreConfig::default());
/// let now = TimeMs::from_secs(1_000);
/// let post = LightPost { post_id: PostId(7), author_id: UserId(1), created_at: now, ..LightPost::default() };
/// store.insert(post, now);
///
/// let request = InNetworkRequest { user_id: UserId(2), following_user_ids: vec![UserId(1)], ..Default::default() };
/// let answer = store.lookup(&request, &request.following_user_ids, None, now);
/// assert_eq!(answer.response.posts, [post]);
/// ```
#[derive(Debug)]
pub struct PostStore {
    config: StoreConfig,
    authors: Box<[Padded<RwLock<AuthorShard>>]>,
    posts: Box<[Padded<RwLock<PostShard>>]>,
    trim: Mutex<TrimCursor>,
}

/// The outcome of storing a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InsertOutcome {
    /// It is in the store now.
    Stored,
    /// It was in the store already; nothing changed.
    Known,
    /// It was deleted, before or after it was created.
    Deleted,
    /// It is older than the retention.
    TooOld,
    /// Its time lies further ahead of now than clocks may disagree.
    FromTheFuture,
    /// It has no id, no author or a time that no calendar has. A post without an author is not kept at all: nobody follows
    /// its author, and no list would ever let it go.
    Unusable,
    /// Its shard is full (33 million posts).
    Full,
}

/// How many posts of a batch met which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InsertReport {
    /// [`InsertOutcome::Stored`].
    pub stored: usize,
    /// [`InsertOutcome::Known`].
    pub known: usize,
    /// [`InsertOutcome::Deleted`].
    pub deleted: usize,
    /// [`InsertOutcome::TooOld`].
    pub too_old: usize,
    /// [`InsertOutcome::FromTheFuture`].
    pub from_the_future: usize,
    /// [`InsertOutcome::Unusable`].
    pub unusable: usize,
    /// [`InsertOutcome::Full`].
    pub full: usize,
}

/// What the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Posts.
    pub posts: usize,
    /// Authors with posts.
    pub authors: usize,
    /// Deletes remembered.
    pub deletes: usize,
}

impl PostStore {
    /// An empty store.
    pub fn new(config: StoreConfig) -> Self {
        Self {
            config,
            authors: (0..SHARDS).map(|_| Padded::default()).collect(),
            posts: (0..SHARDS).map(|_| Padded::default()).collect(),
            trim: Mutex::default(),
        }
    }

    /// What the store keeps and answers.
    pub const fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// Stores a post if it is neither known, nor deleted, nor outside the times kept at `now`.
    ///
    /// Posts may come in any order. A repost is a video if its source is stored, is a video and is not a reply. If the
    /// source arrives later, the repost becomes a video then.
    pub fn insert(&self, post: LightPost, now: TimeMs) -> InsertOutcome {
        if post.post_id.is_none() || post.author_id.is_none() {
            return InsertOutcome::Unusable;
        }
        if post.created_at < now - self.config.retention_ms() {
            return InsertOutcome::TooOld;
        }
        if post.created_at > now + self.config.skew_ms() {
            return InsertOutcome::FromTheFuture;
        }
        let Some((packed, doubled)) = PackedPost::pack(&post) else { return InsertOutcome::Unusable };

        let (author, author_hash) = (post.author_id.0, mix(post.author_id.0));
        let (id, hash) = (post.post_id.0, mix(post.post_id.0));
        let mut authors = self.author_shard(author_hash);
        let (loc, waiting) = {
            let shard = shard_of(hash);
            let mut posts = self.posts[shard].0.write();
            match PostLife::new(posts.find(id, hash).is_some(), posts.is_deleted(id)).create() {
                Creation::Born => {}
                Creation::Stillborn => return InsertOutcome::Deleted,
                Creation::Repeated => return InsertOutcome::Known,
            }
            let Some(slot) = posts.insert(packed, doubled, hash) else { return InsertOutcome::Full };
            (Loc::new(shard, slot), posts.arrived(id))
        };
        let mut lists = if packed.is_original() { List::Originals.bit() } else { List::Secondary.bit() };
        let is_video = if packed.is_original() { packed.has_video() } else { self.reposts_video(&packed, now) };
        if is_video {
            lists |= List::Videos.bit();
            if !packed.has_video() {
                self.posts[loc.shard()].0.write().set_video(loc.slot());
            }
        }
        let timeline = authors.get_or_insert(author, author_hash);
        timeline.insert(packed.created_at(), id, lists, loc, |loc| self.id_of(loc));
        self.evict_surplus(timeline);
        drop(authors);

        if packed.has_video() && !packed.is_reply() {
            for repost in waiting {
                self.make_video(repost);
            }
        }
        InsertOutcome::Stored
    }

    /// Stores posts, each as [`Self::insert`] does.
    pub fn insert_posts(&self, posts: &[LightPost], now: TimeMs) -> InsertReport {
        let mut report = InsertReport::default();
        for post in posts {
            let count = match self.insert(*post, now) {
                InsertOutcome::Stored => &mut report.stored,
                InsertOutcome::Known => &mut report.known,
                InsertOutcome::Deleted => &mut report.deleted,
                InsertOutcome::TooOld => &mut report.too_old,
                InsertOutcome::FromTheFuture => &mut report.from_the_future,
                InsertOutcome::Unusable => &mut report.unusable,
                InsertOutcome::Full => &mut report.full,
            };
            *count += 1;
        }
        report
    }

    /// Removes a post and remembers its id, so that it stays deleted even if its creation arrives late. The id is forgotten when
    /// the retention has passed since `now`. Returns whether the post was stored.
    pub fn mark_as_deleted(&self, post_id: PostId, now: TimeMs) -> bool {
        if post_id.is_none() {
            return false;
        }
        let (id, hash) = (post_id.0, mix(post_id.0));
        let found = {
            let mut posts = self.posts[shard_of(hash)].0.write();
            posts.remember_delete(id, now.0);
            posts.find(id, hash).map(|slot| posts.post(slot).author())
        };
        let Some(author) = found else { return false };
        // From here on no insert can bring the post back; it may have been evicted meanwhile.
        let author_hash = mix(author);
        let mut authors = self.author_shard(author_hash);
        let slot = self.posts[shard_of(hash)].0.read().find(id, hash);
        let Some(slot) = slot else { return false };
        let loc = Loc::new(shard_of(hash), slot);
        if let Some(timeline) = authors.get_mut(author, author_hash) {
            let created_at = self.posts[loc.shard()].0.read().post(slot).created_at();
            timeline.remove(created_at, id, loc, |loc| self.id_of(loc));
        }
        self.free(loc);
        authors.drop_if_empty(author, author_hash);
        true
    }

    /// The stored post of an id.
    pub fn get(&self, post_id: PostId) -> Option<LightPost> {
        let hash = mix(post_id.0);
        let posts = self.posts[shard_of(hash)].0.read();
        posts.find(post_id.0, hash).map(|slot| posts.light(slot))
    }

    /// What the store holds, counted shard by shard: writers at work may be seen in one and not in the next.
    pub fn stats(&self) -> StoreStats {
        let mut stats = StoreStats::default();
        for shard in &self.posts {
            let posts = shard.0.read();
            stats.posts += posts.len();
            stats.deletes += posts.deletes();
        }
        stats.authors = self.authors.iter().map(|shard| shard.0.read().len()).sum();
        stats
    }

    fn author_shard(&self, author_hash: u64) -> RwLockWriteGuard<'_, AuthorShard> {
        self.authors[shard_of(author_hash)].0.write()
    }

    /// The id of a post in a timeline whose author's lock the caller holds.
    fn id_of(&self, loc: Loc) -> u64 {
        self.posts[loc.shard()].0.read().post(loc.slot()).id()
    }

    /// Whether a post's time is kept and shown at `now`.
    fn is_live(&self, created_at: i64, now: TimeMs) -> bool {
        created_at >= (now - self.config.retention_ms()).0 && created_at <= (now + self.config.skew_ms()).0
    }

    /// Whether the source of a stored repost is a stored video that is not a reply. If the source is not stored, the repost
    /// waits for it: partitions are read in parallel, so the source may still be unread.
    fn reposts_video(&self, repost: &PackedPost, now: TimeMs) -> bool {
        let Some(source) = repost.plain_repost_of() else { return false };
        let hash = mix(source);
        let mut posts = self.posts[shard_of(hash)].0.write();
        if let Some(slot) = posts.find(source, hash) {
            let source = posts.post(slot);
            source.has_video() && !source.is_reply() && self.is_live(source.created_at(), now)
        } else {
            posts.wait_for(source, repost.id());
            false
        }
    }

    /// Makes a stored repost a video: its source has come.
    fn make_video(&self, id: u64) {
        let hash = mix(id);
        let author = {
            let posts = self.posts[shard_of(hash)].0.read();
            posts.find(id, hash).map(|slot| posts.post(slot).author())
        };
        let Some(author) = author else { return };
        let author_hash = mix(author);
        let mut authors = self.author_shard(author_hash);
        let (loc, created_at) = {
            let mut posts = self.posts[shard_of(hash)].0.write();
            let Some(slot) = posts.find(id, hash) else { return };
            posts.set_video(slot);
            (Loc::new(shard_of(hash), slot), posts.post(slot).created_at())
        };
        if let Some(timeline) = authors.get_mut(author, author_hash)
            && timeline.add_to(List::Videos, created_at, id, loc, |loc| self.id_of(loc))
        {
            self.evict_surplus(timeline);
        }
    }

    /// Shortens lists that are over their limit, and frees posts that no list holds any more.
    fn evict_surplus(&self, timeline: &mut Timeline) {
        for list in List::ALL {
            while timeline.count(list) > self.config.max_timeline_entries {
                if let Some(loc) = timeline.evict_oldest(list) {
                    self.free(loc);
                }
            }
        }
    }

    /// Frees a post that no list holds any more. The caller holds its author's lock.
    fn free(&self, loc: Loc) {
        let post = self.posts[loc.shard()].0.write().remove(loc.slot());
        if let Some(source) = post.plain_repost_of() {
            self.posts[shard_of(mix(source))].0.write().stop_waiting(source, post.id());
        }
    }
}
