//! Tables and keys.
//!
//! All tables are in one fjall keyspace and differ in the first byte of the key: fjall flushes keyspaces independently, so only
//! within one keyspace does a power cut leave a prefix of whole batches. Numbers in keys are big-endian, so key order is number
//! order; for signed times too, because their sign bit is flipped.

use std::cmp::Ordering;

use event_log::EdgeKind;
use foryou_types::{ActionIndex, PostId, TimeMs, UserId};

/// A table: the first byte of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Table {
    /// Schema, covered position, totals.
    Meta = 0,
    /// The last batches, to notice one that is missing.
    Batches = 1,
    /// post -> `StoredPost`.
    Posts = 2,
    /// created at, post -> author, source.
    PostsByTime = 3,
    /// post -> `PostCounts`.
    Counts = 4,
    /// user -> time of the last action or impression.
    Viewers = 5,
    /// user -> profile.
    Profiles = 6,
    /// kind, user, target -> whether the edge exists, since when or since when not.
    Targets = 7,
    /// kind, target, user -> since when; only existing edges.
    Sources = 8,
    /// kind, user -> number of targets and of sources.
    Degrees = 9,
    /// user, hash of the folded keyword -> whether it is muted, time, keyword.
    Keywords = 10,
    /// user -> number of tokens, newest act.
    Histories = 11,
    /// user, time, post, action -> act.
    Acts = 12,
    /// user, original, action -> how the action stands on the original and on each of its reposts.
    Acted = 13,
    /// user -> ring head; user, number -> post seen, time.
    Seen = 14,
    /// user -> ring head; user, number -> post served, time.
    Served = 15,
    /// post or user, hash of the label -> time, end, label.
    Labels = 16,
    /// post with unknown creation, user, action: actions kept under it.
    Waiting = 17,
    /// post with unknown creation, user, time, action: acts without an author yet.
    Authorless = 18,
}

impl Table {
    /// The name in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Batches => "batches",
            Self::Posts => "posts",
            Self::PostsByTime => "posts_by_time",
            Self::Counts => "counts",
            Self::Viewers => "viewers",
            Self::Profiles => "profiles",
            Self::Targets => "targets",
            Self::Sources => "sources",
            Self::Degrees => "degrees",
            Self::Keywords => "keywords",
            Self::Histories => "histories",
            Self::Acts => "acts",
            Self::Acted => "acted",
            Self::Seen => "seen",
            Self::Served => "served",
            Self::Labels => "labels",
            Self::Waiting => "waiting",
            Self::Authorless => "authorless",
        }
    }

    /// Whether the writer reads values of this table before it writes them, so that caching them pays off. (Small values only: posts
    /// hold texts.)
    pub(crate) const fn is_read_by_writer(self) -> bool {
        matches!(self, Self::Counts | Self::Profiles | Self::Degrees | Self::Histories | Self::Seen | Self::Served)
    }

    /// Whether the writer looks for neighbours of a key, so that the writes of a batch must be kept in order.
    pub(crate) const fn is_ordered(self) -> bool {
        matches!(self, Self::Acts | Self::Waiting | Self::Authorless)
    }
}

/// A key of at most [`Key::MAX`] bytes; unused bytes are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    table: Table,
    len: u8,
    bytes: [u8; Self::MAX],
}

impl Key {
    /// Bytes of the longest key: an act's (table, user, time, post, action).
    const MAX: usize = 26;

    pub(crate) const fn of(table: Table) -> Self {
        let mut bytes = [0; Self::MAX];
        bytes[0] = table as u8;
        Self { table, len: 1, bytes }
    }

    pub(crate) fn raw(mut self, part: &[u8]) -> Self {
        let start = usize::from(self.len);
        self.bytes[start..start + part.len()].copy_from_slice(part);
        self.len += part.len() as u8;
        self
    }

    pub(crate) fn number(self, number: u64) -> Self {
        self.raw(&number.to_be_bytes())
    }

    pub(crate) fn user(self, user: UserId) -> Self {
        self.number(user.0)
    }

    pub(crate) fn post(self, post: PostId) -> Self {
        self.number(post.0)
    }

    pub(crate) fn action(self, action: ActionIndex) -> Self {
        self.raw(&[action])
    }

    pub(crate) fn kind(self, kind: EdgeKind) -> Self {
        self.raw(&[kind as u8])
    }

    pub(crate) fn time(self, at: TimeMs) -> Self {
        self.number((at.0 ^ i64::MIN).cast_unsigned())
    }

    /// The key of this table with these bytes, as the store returned them.
    pub(crate) fn longer(&self, bytes: &[u8]) -> Self {
        let mut key = Self { table: self.table, len: bytes.len().min(Self::MAX) as u8, bytes: [0; Self::MAX] };
        key.bytes[..usize::from(key.len)].copy_from_slice(&bytes[..usize::from(key.len)]);
        key
    }

    pub(crate) fn starts_with(&self, prefix: &Self) -> bool {
        self.as_bytes().starts_with(prefix.as_bytes())
    }

    pub(crate) const fn table(&self) -> Table {
        self.table
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// The number that starts `at` bytes into a key.
pub(crate) fn number_at(key: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*key.get(at..)?.first_chunk::<8>()?))
}

/// The time that starts `at` bytes into a key.
pub(crate) fn time_at(key: &[u8], at: usize) -> Option<TimeMs> {
    number_at(key, at).map(|n| TimeMs(n.cast_signed() ^ i64::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_parts() {
        let at = |ms, post| Key::of(Table::PostsByTime).time(TimeMs(ms)).post(PostId(post));
        let keys = [at(i64::MIN, 9), at(-5, 1), at(-5, 2), at(0, 1), at(7, 1), at(i64::MAX, 0)];
        assert!(keys.is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()));
        assert_eq!(time_at(keys[1].as_bytes(), 1), Some(TimeMs(-5)));
        assert_eq!(number_at(keys[2].as_bytes(), 9), Some(2));
        assert_eq!(number_at(keys[2].as_bytes(), 10), None);
    }
}
