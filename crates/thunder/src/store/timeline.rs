//! One author's three lists (originals, secondary posts, videos) in one queue of 12-byte entries.
//!
//! A video is in two lists with one entry: membership is a bit. So evicting from one list cannot take a post away from
//! another, and a lookup over originals and secondary posts walks one piece of memory.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::hash::Loc;

/// A list of an author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum List {
    /// Neither reply nor repost.
    Originals = 0,
    /// Replies and reposts.
    Secondary = 1,
    /// Videos among the originals, and reposts of videos.
    Videos = 2,
}

impl List {
    pub(super) const ALL: [Self; 3] = [Self::Originals, Self::Secondary, Self::Videos];

    pub(super) const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A post in its author's timeline: when, in which lists, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Milliseconds in the upper 48 bits, [`List`] bits below; in two halves so that an entry takes 12 bytes, not 16.
    time_and_lists: [u32; 2],
    loc: Loc,
}

impl Entry {
    const fn new(created_at: i64, lists: u16, loc: Loc) -> Self {
        let word = (created_at << 16).cast_unsigned() | lists as u64;
        Self { time_and_lists: [(word >> 32) as u32, word as u32], loc }
    }

    const fn word(self) -> u64 {
        (self.time_and_lists[0] as u64) << 32 | self.time_and_lists[1] as u64
    }

    pub(super) const fn created_at(self) -> i64 {
        self.word().cast_signed() >> 16
    }

    pub(super) const fn lists(self) -> u16 {
        self.time_and_lists[1] as u16
    }

    pub(super) const fn loc(self) -> Loc {
        self.loc
    }
}

/// One author's entries, oldest first by (`created_at`, id).
///
/// Ids are not in the entries; where times are equal they are asked for through `id_of`.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub(super) author: u64,
    entries: VecDeque<Entry>,
    counts: [u32; 3],
}

impl Timeline {
    pub(super) fn new(author: u64) -> Self {
        Self { author, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries in a list.
    pub(super) const fn count(&self, list: List) -> usize {
        self.counts[list as usize] as usize
    }

    /// The entries, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Entry> + '_ {
        self.entries.iter().rev().copied()
    }

    /// Puts a post into its place in the lists of `lists` (bits).
    pub(super) fn insert(&mut self, created_at: i64, id: u64, lists: u16, loc: Loc, id_of: impl Fn(Loc) -> u64) {
        let entry = Entry::new(created_at, lists, loc);
        // Posts mostly come in order, newest last.
        if self.entries.back().is_none_or(|last| last.created_at() < created_at) {
            self.entries.push_back(entry);
        } else {
            let place = self.place(created_at, id, id_of);
            self.entries.insert(place, entry);
        }
        self.count_lists(lists, 1);
    }

    /// Adds a stored post to a list; says whether it was not in it.
    pub(super) fn add_to(
        &mut self,
        list: List,
        created_at: i64,
        id: u64,
        loc: Loc,
        id_of: impl Fn(Loc) -> u64,
    ) -> bool {
        let place = self.place(created_at, id, id_of);
        let Some(entry) = self.entries.get_mut(place).filter(|e| e.loc == loc && e.lists() & list.bit() == 0) else {
            return false;
        };
        *entry = Entry::new(created_at, entry.lists() | list.bit(), loc);
        self.counts[list as usize] += 1;
        true
    }

    /// Takes a post out of all lists.
    pub(super) fn remove(&mut self, created_at: i64, id: u64, loc: Loc, id_of: impl Fn(Loc) -> u64) -> bool {
        let place = self.place(created_at, id, id_of);
        if self.entries.get(place).is_none_or(|e| e.loc != loc) {
            return false;
        }
        self.remove_at(place);
        true
    }

    /// Takes the oldest post of a list out of that list. `Some` when no list holds the post any more: it must be freed.
    pub(super) fn evict_oldest(&mut self, list: List) -> Option<Loc> {
        let place = self.entries.iter().position(|e| e.lists() & list.bit() != 0)?;
        let entry = self.entries[place];
        let left = entry.lists() & !list.bit();
        if left == 0 {
            self.remove_at(place);
            return Some(entry.loc);
        }
        self.entries[place] = Entry::new(entry.created_at(), left, entry.loc);
        self.counts[list as usize] -= 1;
        None
    }

    /// Takes the oldest post out of all lists if it is from before `oldest`.
    pub(super) fn expire_oldest(&mut self, oldest: i64) -> Option<Loc> {
        let entry = *self.entries.front().filter(|e| e.created_at() < oldest)?;
        self.remove_at(0);
        Some(entry.loc)
    }

    /// Gives memory back when most of it is unused.
    pub(super) fn shrink(&mut self) {
        if self.entries.capacity() > 16 && self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// Where a post stands or would stand.
    fn place(&self, created_at: i64, id: u64, id_of: impl Fn(Loc) -> u64) -> usize {
        self.entries.partition_point(|e| match e.created_at().cmp(&created_at) {
            Ordering::Less => true,
            Ordering::Equal => id_of(e.loc) < id,
            Ordering::Greater => false,
        })
    }

    fn remove_at(&mut self, place: usize) {
        if let Some(entry) = self.entries.remove(place) {
            for list in List::ALL {
                if entry.lists() & list.bit() != 0 {
                    self.counts[list as usize] -= 1;
                }
            }
        }
    }

    fn count_lists(&mut self, lists: u16, by: u32) {
        for list in List::ALL {
            if lists & list.bit() != 0 {
                self.counts[list as usize] += by;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id of a post is its slot in these tests.
    fn id_of(loc: Loc) -> u64 {
        loc.slot().into()
    }

    fn timeline(posts: &[(i64, u32, u16)]) -> Timeline {
        let mut timeline = Timeline::new(1);
        for &(time, id, lists) in posts {
            timeline.insert(time, id.into(), lists, Loc::new(0, id), id_of);
        }
        timeline
    }

    fn ids(timeline: &Timeline) -> Vec<u64> {
        timeline.newest_first().map(|e| id_of(e.loc())).collect()
    }

    const O: u16 = List::Originals.bit();
    const S: u16 = List::Secondary.bit();
    const V: u16 = List::Videos.bit();

    #[test]
    fn an_entry_takes_12_bytes_and_keeps_negative_times() {
        assert_eq!(size_of::<Entry>(), 12);
        let entry = Entry::new(-5, O | V, Loc::new(3, 9));
        assert_eq!((entry.created_at(), entry.lists()), (-5, O | V));
    }

    #[test]
    fn order_is_time_then_id_however_posts_come() {
        let all = timeline(&[(30, 1, O), (10, 9, O), (30, 7, S), (20, 2, O), (30, 4, O), (-1, 3, O)]);
        assert_eq!(ids(&all), [7, 4, 1, 2, 9, 3]);
        assert_eq!(List::ALL.map(|l| all.count(l)), [5, 1, 0]);
    }

    #[test]
    fn evicting_a_video_leaves_the_original() {
        let mut all = timeline(&[(1, 1, O | V), (2, 2, S), (3, 3, O | V)]);
        assert_eq!(all.evict_oldest(List::Videos), None);
        assert_eq!(ids(&all), [3, 2, 1]);
        assert_eq!(List::ALL.map(|l| all.count(l)), [2, 1, 1]);
        // Now no other list holds post 1.
        assert_eq!(all.evict_oldest(List::Originals).map(id_of), Some(1));
        assert_eq!(List::ALL.map(|l| all.count(l)), [1, 1, 1]);
    }

    #[test]
    fn a_post_joins_a_list_once() {
        let mut all = timeline(&[(1, 1, S), (1, 2, S)]);
        assert!(all.add_to(List::Videos, 1, 2, Loc::new(0, 2), id_of));
        assert!(!all.add_to(List::Videos, 1, 2, Loc::new(0, 2), id_of));
        assert!(!all.add_to(List::Videos, 1, 3, Loc::new(0, 3), id_of));
        assert_eq!(List::ALL.map(|l| all.count(l)), [0, 2, 1]);
    }

    #[test]
    fn only_what_is_too_old_expires() {
        let mut all = timeline(&[(1, 1, O | V), (2, 2, S)]);
        assert_eq!(all.expire_oldest(2).map(id_of), Some(1));
        assert_eq!(all.expire_oldest(2), None);
        assert!(all.remove(2, 2, Loc::new(0, 2), id_of));
        assert!(!all.remove(2, 2, Loc::new(0, 2), id_of));
        assert!(all.is_empty());
        assert_eq!(List::ALL.map(|l| all.count(l)), [0, 0, 0]);
    }
}
