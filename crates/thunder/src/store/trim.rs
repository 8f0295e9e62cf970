//! Removing posts that are too old, a little at a time.

use foryou_types::{TimeMs, mix};

use super::PostStore;
use super::hash::SHARDS;

/// Authors looked at and posts removed before the lock is given to readers that wait: tens of microseconds.
const WORK_PER_LOCK: usize = 128;

/// Where the round of trimming stands: author shards come first, then the deletes remembered in the post shards.
#[derive(Debug, Default)]
pub(super) struct TrimCursor {
    shard: usize,
    place: usize,
}

/// What a call of [`PostStore::trim_old_posts`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrimReport {
    /// Posts removed.
    pub posts: usize,
    /// Deletes forgotten.
    pub deletes: usize,
    /// The whole store has been gone through since the last finished round.
    pub round_finished: bool,
}

impl PostStore {
    /// Removes posts, and forgets deletes, that are older than the retention at `now`.
    ///
    /// A call does about `budget` units of work (an author looked at, a post removed or a shard of deletes is one unit), then
    /// returns; the next call continues where this one stopped. `usize::MAX` continues to the end of the round. No lock is held
    /// for more than 128 units, so readers never wait for a tick of trimming.
    pub fn trim_old_posts(&self, now: TimeMs, budget: usize) -> TrimReport {
        let oldest = (now - self.config.retention_ms()).0;
        let mut report = TrimReport::default();
        let mut cursor = self.trim.lock();
        let mut left = budget;
        while left > 0 && !report.round_finished {
            let work = if cursor.shard < SHARDS {
                self.trim_authors(&mut cursor, oldest, left.clamp(2, WORK_PER_LOCK), &mut report)
            } else {
                report.deletes += self.posts[cursor.shard - SHARDS].0.write().forget_deletes(oldest);
                cursor.shard += 1;
                1
            };
            left = left.saturating_sub(work);
            if cursor.shard == 2 * SHARDS {
                *cursor = TrimCursor::default();
                report.round_finished = true;
            }
        }
        report
    }

    /// Units of work of a round that removes everything.
    pub(crate) fn trim_work(&self) -> usize {
        let authors: usize = self.authors.iter().map(|shard| shard.0.read().places()).sum();
        authors + self.stats().posts + 2 * SHARDS
    }

    /// Continues in one author shard under one lock; says how much work that was, at least 1. `most` is at least 2: looking at an
    /// author is one unit, and a step must be able to remove a post.
    fn trim_authors(&self, cursor: &mut TrimCursor, oldest: i64, most: usize, report: &mut TrimReport) -> usize {
        let mut shard = self.authors[cursor.shard].0.write();
        let mut work = 0;
        while work < most {
            work += 1;
            let Some(timeline) = shard.at_mut(cursor.place) else {
                cursor.shard += 1;
                cursor.place = 0;
                break;
            };
            let mut removed = 0;
            let mut expired = true;
            while work + removed < most {
                let Some(loc) = timeline.expire_oldest(oldest) else {
                    expired = false;
                    break;
                };
                self.free(loc);
                removed += 1;
            }
            report.posts += removed;
            work += removed;
            if expired {
                // There may be more of this author's: the next lock continues here.
                break;
            }
            if timeline.is_empty() {
                // Perhaps emptied under an earlier lock; a place that is free already is not in the index.
                let author = timeline.author;
                shard.drop_if_empty(author, mix(author));
            } else if removed > 0 {
                timeline.shrink();
            }
            cursor.place += 1;
        }
        work
    }
}
