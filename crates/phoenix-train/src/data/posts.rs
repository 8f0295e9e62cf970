//! The posts while the log is read.

use event_log::PostEvent;
use foryou_types::reposts::original;
use foryou_types::{Creation, Deletion, PostId, PostLife, Surface, TimeMs, UserId};
use phoenix::{CandidateItem, Corpus, age_bucket, post_info};
use rustc_hash::{FxHashMap, FxHashSet};

/// A post created at most this many places before the newest one is put in its place at once.
const NEAR: usize = 64;

/// A deleted post: histories keep its author.
#[derive(Clone, Copy, Default)]
struct Deleted {
    author: UserId,
    source: PostId,
    /// Its creation was in the log too.
    created: bool,
}

/// The posts, as the state store knows them ([`PostLife`]).
#[derive(Default)]
pub(crate) struct Posts {
    corpus: Corpus,
    deleted: FxHashMap<PostId, Deleted>,
    /// Originals by time of creation; deleted ones stay until they are the most.
    by_time: Vec<(TimeMs, PostId)>,
    /// Originals that have no place among those yet: see [`Self::settle`].
    unsettled: Vec<(TimeMs, PostId)>,
    /// How many of `by_time` and `unsettled` are deleted.
    dead: usize,
    authors: FxHashSet<UserId>,
    words: FxHashSet<u32>,
    created: u64,
}

impl Posts {
    pub(crate) fn create(&mut self, at: TimeMs, post: &PostEvent) {
        let id = post.post_id;
        match self.life(id).create() {
            Creation::Born => {}
            Creation::Stillborn => {
                let gone = Deleted { author: post.author_id, source: post.source_post_id, created: true };
                self.deleted.insert(id, gone);
                return;
            }
            Creation::Repeated => return,
        }
        let info = post_info(at, post);
        if info.author.is_some() {
            self.authors.insert(info.author);
        }
        self.words.extend(info.content.iter().copied());
        if !post.is_repost() {
            // Nearly always at the end: a log is nearly in order of time. Far from it an insertion would move too many.
            let place = self.by_time.partition_point(|&entry| entry <= (at, id));
            if self.by_time.len() - place <= NEAR {
                self.by_time.insert(place, (at, id));
            } else {
                self.unsettled.push((at, id));
            }
        }
        self.corpus.insert(id, info);
        self.created += 1;
    }

    /// What is known of a post.
    fn life(&self, id: PostId) -> PostLife {
        match self.deleted.get(&id) {
            Some(gone) => PostLife::new(gone.created, true),
            None => PostLife::new(self.corpus.get(id).is_some(), false),
        }
    }

    pub(crate) fn delete(&mut self, id: PostId) {
        if self.life(id).delete() == Deletion::Repeated {
            return;
        }
        let info = self.corpus.get(id);
        self.corpus.remove(id);
        self.dead += usize::from(info.as_ref().is_some_and(|info| info.source.is_none()));
        let known = info.map(|info| Deleted { author: info.author, source: info.source, created: true });
        self.deleted.insert(id, known.unwrap_or_default());
    }

    /// Brings the originals into the order of time that [`Self::created_until`] needs. Cheap where nothing was created out of order
    /// since the last time; deleted ones are dropped when they are the most, so that draws do not meet them more often than not.
    pub(crate) fn settle(&mut self) {
        if !self.unsettled.is_empty() {
            self.by_time.append(&mut self.unsettled);
            // Takes runs that are in order as they are.
            self.by_time.sort();
        }
        if self.dead > self.by_time.len() / 2 {
            self.by_time.retain(|(_, post)| !self.deleted.contains_key(post));
            self.dead = 0;
        }
    }

    /// Author and source of a post, deleted ones included; none of a post that is not known (yet).
    pub(crate) fn author_and_source(&self, id: PostId) -> (UserId, PostId) {
        match self.corpus.get(id) {
            Some(info) => (info.author, info.source),
            None => self.deleted.get(&id).map_or((UserId::NONE, PostId::NONE), |gone| (gone.author, gone.source)),
        }
    }

    /// The post that a post stands for: of a repost the original, else the post itself.
    pub(crate) fn original(&self, id: PostId) -> PostId {
        original(id, |at| self.author_and_source(at).1.some())
    }

    /// Whether the post was created and not deleted.
    pub(crate) fn exists(&self, id: PostId) -> bool {
        !self.deleted.contains_key(&id)
    }

    /// A post as serving would hand it to the ranker at a moment.
    pub(crate) fn candidate(&self, id: PostId, surface: Surface, at: TimeMs) -> CandidateItem {
        let (author, _) = self.author_and_source(id);
        let info = self.corpus.get(id);
        CandidateItem {
            post: id,
            author,
            surface: surface as u8,
            age_bucket: age_bucket(info.as_ref().and_then(|info| info.created_at), at),
            content: info.map(|info| info.content).unwrap_or_default(),
        }
    }

    /// The originals (reposts are not candidates) that were created at or before a moment, in order of time; deleted ones may be
    /// among them, see [`Self::exists`]. What was created since the last [`Self::settle`] may be missing.
    pub(crate) fn created_until(&self, at: TimeMs) -> &[(TimeMs, PostId)] {
        &self.by_time[..self.by_time.partition_point(|(created_at, _)| *created_at <= at)]
    }

    /// The posts by id, as they are now.
    pub(crate) const fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// Posts ever created.
    pub(crate) const fn created(&self) -> u64 {
        self.created
    }

    /// Different authors and content words ever seen.
    pub(crate) fn authors_and_words(&self) -> (usize, usize) {
        (self.authors.len(), self.words.len())
    }

    /// The corpus, and the originals in it in order of time.
    pub(crate) fn finish(mut self) -> (Corpus, Vec<(PostId, TimeMs)>) {
        self.settle();
        let deleted = std::mem::take(&mut self.deleted);
        let alive = self.by_time.into_iter().filter(|(_, post)| !deleted.contains_key(post));
        (self.corpus, alive.map(|(at, post)| (post, at)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn create(posts: &mut Posts, at: i64, id: u64) {
        posts.create(TimeMs(at), &PostEvent { post_id: PostId(id), ..PostEvent::default() });
    }

    proptest! {
        #[test]
        fn the_originals_stand_in_order_of_time_in_whatever_order_they_came(
            steps in prop::collection::vec((0i64..500, prop::bool::weighted(0.3), prop::bool::weighted(0.1)), 0..400),
            sorted: bool,
            at in 0i64..500,
        ) {
            let mut steps = steps;
            if sorted {
                steps.sort_unstable();
            }
            let (mut posts, mut all) = (Posts::default(), Vec::new());
            for (id, (created, delete, settle)) in (1..).zip(steps) {
                create(&mut posts, created, id);
                all.push((TimeMs(created), PostId(id)));
                if delete {
                    // One from the middle, maybe gone already.
                    let (_, gone) = all[all.len() / 2];
                    posts.delete(gone);
                }
                if settle {
                    posts.settle();
                }
            }
            posts.settle();
            all.retain(|(created, post)| *created <= TimeMs(at) && posts.exists(*post));
            all.sort_unstable();
            let listed = posts.created_until(TimeMs(at));
            prop_assert!(listed.is_sorted());
            let found: Vec<_> = listed.iter().copied().filter(|(_, post)| posts.exists(*post)).collect();
            prop_assert_eq!(found, all);
        }
    }

    #[test]
    fn deleted_posts_are_dropped_when_they_are_the_most() {
        let mut posts = Posts::default();
        (1..=100).for_each(|id| create(&mut posts, id as i64, id));
        (1..=50).for_each(|id| posts.delete(PostId(id)));
        posts.settle();
        assert_eq!(posts.created_until(TimeMs(1_000)).len(), 100);
        posts.delete(PostId(51));
        posts.settle();
        assert_eq!(posts.created_until(TimeMs(1_000)).len(), 49);
        let (corpus, alive) = posts.finish();
        assert_eq!((corpus.len(), alive.len(), alive[0]), (49, 49, (PostId(52), TimeMs(52))));
    }
}
