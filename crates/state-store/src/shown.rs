//! What people were shown: impressions ("seen") and the server's own record ("served").
//!
//! Each is a ring per person that holds the newest [`KEPT`] entries in the order of the log. Every entry carries the newest time
//! of all entries up to it, so that a reader who wants those since a moment can stop early although times may be out of order.

use std::ops::RangeInclusive;

use event_log::{ImpressionEvent, ServedEvent};
use foryou_types::{PostId, TimeMs, UserId};

use crate::apply::Applier;
use crate::bytes::Decoder;
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::store::StateStore;

/// Entries per person in each ring.
pub(crate) const KEPT: u64 = 5_000;

/// The number the next entry gets, and the newest time so far.
#[derive(Clone, Copy, Debug)]
struct Head {
    next: u64,
    newest: TimeMs,
}

fn decode_head(mut value: Decoder<'_>) -> Option<Head> {
    let head = Head { next: value.number()?, newest: value.time()? };
    value.end(head)
}

struct Entry {
    post: PostId,
    at: TimeMs,
    newest: TimeMs,
}

fn decode_entry(mut value: Decoder<'_>) -> Option<Entry> {
    let entry = Entry { post: PostId(value.number()?), at: value.time()?, newest: value.time()? };
    value.end(entry)
}

impl StateStore {
    /// Posts shown to a person at or after `since` (impressions), newest first; for a repost, the reposted post too. The newest
    /// 5,000 entries are kept. A post shown twice is listed twice.
    pub fn seen_posts(&self, user: UserId, since: TimeMs) -> Result<Vec<PostId>, StateError> {
        let entries = self.ring(Table::Seen, user, since..=TimeMs(i64::MAX), usize::MAX)?;
        Ok(entries.into_iter().map(|(post, _)| post).collect())
    }

    /// Posts the server served to a person within `times`, for a repost the reposted post too, newest first, the top of a feed before the rest of it, at most
    /// `limit`. The newest 5,000 entries are kept.
    pub fn served_posts(
        &self,
        user: UserId,
        times: RangeInclusive<TimeMs>,
        limit: usize,
    ) -> Result<Vec<(PostId, TimeMs)>, StateError> {
        self.ring(Table::Served, user, times, limit)
    }

    fn ring(
        &self,
        table: Table,
        user: UserId,
        times: RangeInclusive<TimeMs>,
        limit: usize,
    ) -> Result<Vec<(PostId, TimeMs)>, StateError> {
        let head = Key::of(table).user(user);
        // From the first possible entry: the head itself, a shorter key, sorts before it.
        let (from, to) = (head.number(0), head.number(u64::MAX));
        let mut found = Vec::new();
        for pair in self.storage.range(&from, &to)?.rev() {
            if found.len() >= limit {
                break;
            }
            let (_, value) = pair?;
            let Some(entry) = decode_entry(Decoder(&value)) else {
                return Err(self.storage.corrupt(table, "an entry cannot be read"));
            };
            if entry.newest < *times.start() {
                break;
            }
            if times.contains(&entry.at) {
                found.push((entry.post, entry.at));
            }
        }
        Ok(found)
    }
}

impl Applier<'_, '_> {
    pub(crate) fn impression(&mut self, at: TimeMs, event: &ImpressionEvent) -> Result<bool, StateError> {
        let mut shown = Vec::with_capacity(event.post_ids.len());
        for &post in &event.post_ids {
            let original = self.target(post)?.original;
            self.count_impression(original, at)?;
            shown.push(post);
            if original != post {
                shown.push(original);
            }
        }
        self.viewer_shown(event.user_id, at);
        self.push(Table::Seen, event.user_id, at, shown.into_iter())?;
        Ok(true)
    }

    pub(crate) fn served(&mut self, at: TimeMs, event: &ServedEvent) -> Result<bool, StateError> {
        let mut served = Vec::with_capacity(event.posts.len());
        // Last first: the ring is read from its end.
        for post in event.posts.iter().rev().map(|served| served.post_id) {
            let original = self.target(post)?.original;
            if original != post {
                served.push(original);
            }
            served.push(post);
        }
        self.push(Table::Served, event.user_id, at, served.into_iter())?;
        Ok(true)
    }

    fn push(
        &mut self,
        table: Table,
        user: UserId,
        at: TimeMs,
        posts: impl Iterator<Item = PostId>,
    ) -> Result<(), StateError> {
        let head_key = Key::of(table).user(user);
        let mut head = self.tx.read(&head_key, decode_head)?.unwrap_or(Head { next: 0, newest: at });
        head.newest = head.newest.max(at);
        for post in posts {
            self.tx.put(head_key.number(head.next), |out| {
                out.number(post.0).time(at).time(head.newest);
            });
            if let Some(oldest) = head.next.checked_sub(KEPT) {
                self.tx.delete(head_key.number(oldest));
            }
            head.next += 1;
        }
        self.tx.put(head_key, |out| {
            out.number(head.next).time(head.newest);
        });
        Ok(())
    }
}
