//! The timelines of the authors whose ids hash to one shard.

use foryou_types::mix;
use hashbrown::HashTable;

use super::timeline::Timeline;

/// One shard of the authors.
#[derive(Debug, Default)]
pub(super) struct AuthorShard {
    /// Places by the hash of the author they hold.
    index: HashTable<u32>,
    /// Timelines; an empty one is a free place. They lie in a vector so that trimming can go through them in steps.
    timelines: Vec<Timeline>,
    free: Vec<u32>,
}

impl AuthorShard {
    /// The timeline of an author who has posts.
    pub(super) fn get(&self, author: u64, hash: u64) -> Option<&Timeline> {
        let place = self.index.find(hash, |&place| self.timelines[place as usize].author == author)?;
        self.timelines.get(*place as usize)
    }

    /// The timeline of an author who has posts, to change; an emptied one must be given back by [`Self::drop_if_empty`].
    pub(super) fn get_mut(&mut self, author: u64, hash: u64) -> Option<&mut Timeline> {
        let place = self.index.find(hash, |&place| self.timelines[place as usize].author == author)?;
        self.timelines.get_mut(*place as usize)
    }

    /// The timeline of an author, made if it is missing. The caller puts a post into it.
    pub(super) fn get_or_insert(&mut self, author: u64, hash: u64) -> &mut Timeline {
        let found = self.index.find(hash, |&place| self.timelines[place as usize].author == author).copied();
        let place = found.unwrap_or_else(|| {
            let place = if let Some(place) = self.free.pop() {
                self.timelines[place as usize] = Timeline::new(author);
                place
            } else {
                self.timelines.push(Timeline::new(author));
                (self.timelines.len() - 1) as u32
            };
            let timelines = &self.timelines;
            self.index.insert_unique(hash, place, |&place| mix(timelines[place as usize].author));
            place
        });
        &mut self.timelines[place as usize]
    }

    /// Gives an author's place back if no posts are left.
    pub(super) fn drop_if_empty(&mut self, author: u64, hash: u64) {
        let timelines = &self.timelines;
        let found = self.index.find_entry(hash, |&place| timelines[place as usize].author == author);
        if let Ok(entry) = found
            && timelines[*entry.get() as usize].is_empty()
        {
            let (place, _) = entry.remove();
            self.timelines[place as usize] = Timeline::default();
            self.free.push(place);
        }
    }

    /// Places to go through when trimming, free ones included.
    pub(super) fn places(&self) -> usize {
        self.timelines.len()
    }

    /// The timeline in a place; free places are empty.
    pub(super) fn at_mut(&mut self, place: usize) -> Option<&mut Timeline> {
        self.timelines.get_mut(place)
    }

    /// Authors with posts.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::Loc;
    use super::*;

    #[test]
    fn places_of_gone_authors_are_used_again() {
        let mut shard = AuthorShard::default();
        for author in 1..=50u64 {
            shard.get_or_insert(author, mix(author)).insert(1, author, 1, Loc::new(0, 0), |_| 0);
        }
        shard.drop_if_empty(7, mix(7));
        assert_eq!(shard.len(), 50, "an author with posts stays");
        assert!(shard.get_mut(7, mix(7)).unwrap().expire_oldest(2).is_some());
        shard.drop_if_empty(7, mix(7));
        shard.drop_if_empty(7, mix(7));
        assert!(shard.get(7, mix(7)).is_none());
        shard.get_or_insert(99, mix(99)).insert(1, 1, 1, Loc::new(0, 0), |_| 0);
        assert_eq!((shard.len(), shard.places()), (50, 50));
        assert_eq!(shard.get(99, mix(99)).unwrap().author, 99);
    }
}
