//! The posts whose ids hash to one shard, the deletes remembered there, and the reposts that wait for a source.

use foryou_types::mix;
use foryou_types::seams::LightPost;
use hashbrown::HashTable;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::hash::Loc;
use super::packed::{Doubled, PackedPost};

/// Posts of a full chunk: 48 KB, so that growing never copies more than that.
const CHUNK: usize = 1_024;
const NO_SLOT: u32 = u32::MAX;

/// Reposts that wait for one source.
pub(super) type Waiting = SmallVec<[u64; 2]>;

/// One shard of the posts.
#[derive(Debug, Default)]
pub(super) struct PostShard {
    /// Slots by the hash of the id they hold.
    index: HashTable<u32>,
    slots: Slots,
    /// What posts repost that also answer, by slot.
    doubled: FxHashMap<u32, Doubled>,
    /// Deleted ids, with the moment from which they are remembered (milliseconds).
    deleted: FxHashMap<u64, i64>,
    /// By a source that is not stored: stored reposts that would be videos if it were and were one.
    waiting: FxHashMap<u64, Waiting>,
}

impl PostShard {
    /// The slot of an id.
    pub(super) fn find(&self, id: u64, hash: u64) -> Option<u32> {
        self.index.find(hash, |&slot| self.slots.get(slot).id() == id).copied()
    }

    /// The post in a slot.
    pub(super) fn post(&self, slot: u32) -> &PackedPost {
        self.slots.get(slot)
    }

    /// The post in a slot, unpacked.
    pub(super) fn light(&self, slot: u32) -> LightPost {
        let post = self.slots.get(slot);
        post.unpack(if post.is_doubled() { self.doubled.get(&slot) } else { None })
    }

    /// Marks the post in a slot as a video.
    pub(super) fn set_video(&mut self, slot: u32) {
        self.slots.get_mut(slot).set_video();
    }

    /// Stores a post that is not here yet; `None` when all slots are numbered.
    pub(super) fn insert(&mut self, post: PackedPost, doubled: Option<Doubled>, hash: u64) -> Option<u32> {
        let slot = self.slots.insert(post)?;
        if let Some(doubled) = doubled {
            self.doubled.insert(slot, doubled);
        }
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |&slot| mix(slots.get(slot).id()));
        Some(slot)
    }

    /// Takes the post of a slot out.
    pub(super) fn remove(&mut self, slot: u32) -> PackedPost {
        let post = *self.slots.get(slot);
        if let Ok(entry) = self.index.find_entry(mix(post.id()), |&other| other == slot) {
            entry.remove();
        }
        if post.is_doubled() {
            self.doubled.remove(&slot);
        }
        self.slots.remove(slot);
        post
    }

    /// Number of posts.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Remembers that an id was deleted, counted from `at`.
    pub(super) fn remember_delete(&mut self, id: u64, at: i64) {
        self.deleted.entry(id).and_modify(|known| *known = at.max(*known)).or_insert(at);
    }

    /// Whether an id was deleted.
    pub(super) fn is_deleted(&self, id: u64) -> bool {
        self.deleted.contains_key(&id)
    }

    /// Deletes remembered.
    pub(super) fn deletes(&self) -> usize {
        self.deleted.len()
    }

    /// Forgets the deletes remembered from before `oldest`; says how many.
    pub(super) fn forget_deletes(&mut self, oldest: i64) -> usize {
        let before = self.deleted.len();
        self.deleted.retain(|_, at| *at >= oldest);
        if self.deleted.capacity() > 4 * self.deleted.len() {
            self.deleted.shrink_to_fit();
        }
        before - self.deleted.len()
    }

    /// Lets a repost wait for its source.
    pub(super) fn wait_for(&mut self, source: u64, repost: u64) {
        self.waiting.entry(source).or_default().push(repost);
    }

    /// Lets a repost that goes away wait no longer.
    pub(super) fn stop_waiting(&mut self, source: u64, repost: u64) {
        if let Some(reposts) = self.waiting.get_mut(&source) {
            reposts.retain(|id| *id != repost);
            if reposts.is_empty() {
                self.waiting.remove(&source);
            }
        }
    }

    /// The reposts that waited for a source.
    pub(super) fn arrived(&mut self, source: u64) -> Waiting {
        self.waiting.remove(&source).unwrap_or_default()
    }
}

/// Numbered places for posts; a place that is given back is used again.
#[derive(Debug)]
struct Slots {
    chunks: Vec<Vec<PackedPost>>,
    free: u32,
}

impl Default for Slots {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: NO_SLOT }
    }
}

impl Slots {
    fn get(&self, slot: u32) -> &PackedPost {
        &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    fn get_mut(&mut self, slot: u32) -> &mut PackedPost {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    fn insert(&mut self, post: PackedPost) -> Option<u32> {
        if self.free != NO_SLOT {
            let slot = self.free;
            self.free = self.get(slot).next_free();
            *self.get_mut(slot) = post;
            return Some(slot);
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            if self.chunks.len() >= Loc::SLOTS as usize / CHUNK {
                return None;
            }
            // A small store stays small: only later chunks are taken whole.
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let slot = (self.chunks.len() - 1) * CHUNK;
        let chunk = self.chunks.last_mut()?;
        chunk.push(post);
        Some((slot + chunk.len() - 1) as u32)
    }

    fn remove(&mut self, slot: u32) {
        *self.get_mut(slot) = PackedPost::vacant(self.free);
        self.free = slot;
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{PostId, TimeMs, UserId};

    use super::*;

    fn post(id: u64) -> PackedPost {
        let light =
            LightPost { post_id: PostId(id), author_id: UserId(1), created_at: TimeMs(5), ..LightPost::default() };
        PackedPost::pack(&light).unwrap().0
    }

    #[test]
    fn slots_are_found_freed_and_used_again() {
        let mut shard = PostShard::default();
        for id in 1..=3_000u64 {
            assert_eq!(shard.insert(post(id), None, mix(id)), Some(id as u32 - 1));
        }
        for id in (2..=3_000u64).step_by(2) {
            let slot = shard.find(id, mix(id)).unwrap();
            assert_eq!(shard.remove(slot).id(), id);
        }
        assert_eq!(shard.len(), 1_500);
        for id in 1..=3_000u64 {
            assert_eq!(shard.find(id, mix(id)).is_some(), id % 2 == 1);
        }
        for id in 3_001..=4_500u64 {
            assert!(shard.insert(post(id), None, mix(id)).unwrap() < 3_000);
        }
        assert_eq!(shard.insert(post(9_999), None, mix(9_999)), Some(3_000));
    }

    #[test]
    fn deletes_keep_their_latest_moment_and_are_forgotten_by_it() {
        let mut shard = PostShard::default();
        shard.remember_delete(7, 100);
        shard.remember_delete(7, 50);
        shard.remember_delete(8, 60);
        assert_eq!(shard.forget_deletes(100), 1);
        assert!(shard.is_deleted(7) && !shard.is_deleted(8));
        // A delete from the future is simply kept.
        shard.remember_delete(9, i64::MAX);
        assert_eq!(shard.forget_deletes(i64::MIN), 0);
    }

    #[test]
    fn waiting_reposts_are_handed_out_once() {
        let mut shard = PostShard::default();
        shard.wait_for(1, 10);
        shard.wait_for(1, 11);
        shard.wait_for(2, 12);
        shard.stop_waiting(1, 10);
        shard.stop_waiting(2, 12);
        assert_eq!(shard.arrived(1).as_slice(), [11]);
        assert!(shard.arrived(1).is_empty() && shard.waiting.is_empty());
    }
}
