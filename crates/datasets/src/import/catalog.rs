//! The posts of a set with string ids: the first occurrence of each, its description, and its number.
//!
//! A string gets its number in the batch that creates its post. So a post is in the log exactly if the log's dictionary
//! has its string, and an import that continues after an interruption needs no other memory of the posts it made.

use event_log::{EventBody, MAX_KEY_BYTES, NameAllocator, Origin, PostEvent, limits};
use foryou_types::{Dictionary, Namespace, PostId, TimeMs, UserId};
use rustc_hash::FxHashMap;

use super::batch::Mapped;

/// Under this name the rows are counted that describe a post which an earlier row described, or which is in the log
/// already: a post keeps what was said when it was created.
const DESCRIBED_AGAIN: &str = "described_again";

/// An id that the dictionary can hold.
pub(super) fn key<'a>(name: &str, text: &'a str) -> Result<&'a str, String> {
    match text.len() {
        1..=MAX_KEY_BYTES => Ok(text),
        0 => Err(format!("{name} is empty")),
        bytes => Err(format!("{name} has {bytes} bytes, but an id may have at most {MAX_KEY_BYTES}")),
    }
}

/// What is known of a string.
#[derive(Default)]
struct Entry {
    /// When it is first met; `None` if no row meets it.
    first: Option<TimeMs>,
    /// Its number, once its post is on its way.
    id: PostId,
    /// Its description, until its post is created.
    said: Option<Box<PostEvent>>,
}

/// Strings, and the posts they become.
///
/// Memory: about 100 bytes per string, and the descriptions of those that wait for their post.
pub(super) struct Catalog<'a> {
    log: &'a dyn Dictionary,
    /// The names of the batch that is being made.
    names: NameAllocator<'a>,
    places: FxHashMap<Box<str>, usize>,
    entries: Vec<Entry>,
    first: Option<TimeMs>,
}

impl<'a> Catalog<'a> {
    /// An empty catalog over the log's dictionary.
    pub(super) fn new(log: &'a dyn Dictionary) -> Self {
        let names = NameAllocator::new(log);
        Self { log, names, places: FxHashMap::default(), entries: Vec::new(), first: None }
    }

    /// Notes that a post is met at a time. Every row is noted before the first post is made.
    pub(super) fn meet(&mut self, name: &str, at: TimeMs) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        let entry = self.entry(name);
        entry.first = Some(entry.first.map_or(at, |first| first.min(at)));
    }

    /// Whether any post is met, so that the set has a first time.
    pub(super) const fn has_met(&self) -> bool {
        self.first.is_some()
    }

    /// Takes what a row says of a post: it is created with it when it is first met, and at once, with the first time of
    /// the set, if no row meets it.
    ///
    /// A description that a post cannot have is refused here, in its own row, and the post comes without it.
    pub(super) fn describe(&mut self, name: &str, said: PostEvent, out: &mut Mapped) -> Result<(), String> {
        if let Some((key, problem)) = limits::of_post(&said) {
            return Err(format!("{key}: {problem}"));
        }
        if !self.keep(name, said) {
            out.skip(DESCRIBED_AGAIN);
            return Ok(());
        }
        let alone = self.entry(name).first.is_none();
        // Without any sound row there is no time of the set. The description then waits for a file that has grown.
        if let (true, Some(first)) = (alone, self.first) {
            self.post(name, first, out);
        }
        Ok(())
    }

    /// As [`Self::describe`], for a row that the log has: its post may still be to come.
    pub(super) fn described(&mut self, name: &str, said: PostEvent) {
        if limits::of_post(&said).is_none() {
            self.keep(name, said);
        }
    }

    /// Keeps the description of a post; false if there is one already, or it comes too late.
    fn keep(&mut self, name: &str, said: PostEvent) -> bool {
        let posted = self.log.id_of(Namespace::Posts, name).is_some();
        let entry = self.entry(name);
        let is_new = !posted && entry.id.is_none() && entry.said.is_none();
        if is_new {
            entry.said = Some(Box::new(said));
        }
        is_new
    }

    /// A person's id; for a new one its name comes first.
    ///
    /// The events of a row that asked for an id must not be dropped: the name would be missing from the log.
    pub(super) fn user(&mut self, name: &str, at: TimeMs, out: &mut Mapped) -> UserId {
        let id = UserId(self.names.number(Namespace::Users, name));
        self.push_names(at, out);
        id
    }

    /// A post's id; for one that is not in the log its name and its creation come first. See [`Self::user`].
    pub(super) fn post(&mut self, name: &str, at: TimeMs, out: &mut Mapped) -> PostId {
        self.post_or(name, at, out, PostEvent::default)
    }

    /// As [`Self::post`], with what a post is if no row described it (its id is set here).
    pub(super) fn post_or(
        &mut self,
        name: &str,
        at: TimeMs,
        out: &mut Mapped,
        undescribed: impl FnOnce() -> PostEvent,
    ) -> PostId {
        let known = self.entry(name).id;
        if known.is_some() {
            return known;
        }
        let in_log = self.log.id_of(Namespace::Posts, name);
        let id = PostId(in_log.unwrap_or_else(|| self.names.number(Namespace::Posts, name)));
        let entry = self.entry(name);
        entry.id = id;
        let said = entry.said.take();
        let created = entry.first.map_or(at, |first| first.min(at));
        if in_log.is_none() {
            self.push_names(created, out);
            let post = said.map_or_else(undescribed, |said| *said);
            out.push(created, EventBody::Post(Box::new(PostEvent { post_id: id, ..post })));
        }
        id
    }

    /// The batch is in the log, and its names with it: kept here, they would grow with the file.
    pub(super) fn submitted(&mut self) {
        self.names = NameAllocator::new(self.log);
    }

    fn push_names(&mut self, at: TimeMs, out: &mut Mapped) {
        for name in self.names.take_new(at, Origin::Import) {
            out.push_event(name);
        }
    }

    fn entry(&mut self, name: &str) -> &mut Entry {
        let known = self.places.get(name).copied();
        let place = known.unwrap_or_else(|| {
            let place = self.entries.len();
            self.entries.push(Entry::default());
            self.places.insert(name.into(), place);
            place
        });
        &mut self.entries[place]
    }
}
