//! The posts while the log is read.

use event_log::PostEvent;
use foryou_types::{PostId, Surface, TimeMs, UserId};
use phoenix::{CandidateItem, Corpus, age_bucket, post_info};
use rustc_hash::{FxHashMap, FxHashSet};

/// A deleted post: histories keep its author.
#[derive(Clone, Copy, Default)]
struct Deleted {
    author: UserId,
    source: PostId,
    /// Its creation was in the log too.
    created: bool,
}

/// The posts, as the state store knows them: a post known twice keeps its first creation, a delete before its create keeps the
/// post deleted.
#[derive(Default)]
pub(crate) struct Posts {
    corpus: Corpus,
    deleted: FxHashMap<PostId, Deleted>,
    /// Originals by time of creation; deleted ones stay.
    by_time: Vec<(TimeMs, PostId)>,
    authors: FxHashSet<UserId>,
    words: FxHashSet<u32>,
    created: u64,
}

impl Posts {
    pub(crate) fn create(&mut self, at: TimeMs, post: &PostEvent) {
        let id = post.post_id;
        if self.corpus.get(id).is_some() {
            return;
        }
        if let Some(deleted) = self.deleted.get_mut(&id) {
            if !deleted.created {
                *deleted = Deleted { author: post.author_id, source: post.source_post_id, created: true };
            }
            return;
        }
        let info = post_info(at, post);
        if info.author.is_some() {
            self.authors.insert(info.author);
        }
        self.words.extend(info.content.iter().copied());
        if !post.is_repost() {
            // Nearly always at the end: a log is nearly in order of time.
            let place = self.by_time.partition_point(|&entry| entry <= (at, id));
            self.by_time.insert(place, (at, id));
        }
        self.corpus.insert(id, info);
        self.created += 1;
    }

    pub(crate) fn delete(&mut self, id: PostId) {
        let info = self.corpus.get(id);
        self.corpus.remove(id);
        let known = info.map(|info| Deleted { author: info.author, source: info.source, created: true });
        self.deleted.entry(id).or_insert_with(|| known.unwrap_or_default());
    }

    /// Author and source of a post, deleted ones included; none of a post that is not known (yet).
    pub(crate) fn author_and_source(&self, id: PostId) -> (UserId, PostId) {
        match self.corpus.get(id) {
            Some(info) => (info.author, info.source),
            None => self.deleted.get(&id).map_or((UserId::NONE, PostId::NONE), |gone| (gone.author, gone.source)),
        }
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

    /// The originals (reposts are not candidates) that were created at or before a moment, in order of time; deleted ones are
    /// among them, see [`Self::exists`].
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
        let deleted = std::mem::take(&mut self.deleted);
        let alive = self.by_time.into_iter().filter(|(_, post)| !deleted.contains_key(post));
        (self.corpus, alive.map(|(at, post)| (post, at)).collect())
    }
}
