//! Read your own writes: how far the log must be applied before a viewer's next feed.

use std::collections::{BTreeSet, HashMap};

use foryou_types::UserId;
use parking_lot::Mutex;

/// The last log position that each recent writer wrote, kept as long as a feed may have to wait for it.
///
/// Bounded: beyond [`Self::KEPT`] writers, those with the oldest last write are dropped.
#[derive(Debug, Default)]
pub(crate) struct WriterPositions {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: HashMap<UserId, u64>,
    /// The same pairs by position: the oldest write first.
    order: BTreeSet<(u64, UserId)>,
}

impl Inner {
    fn forget(&mut self, user: UserId) -> Option<u64> {
        let position = self.last.remove(&user)?;
        self.order.remove(&(position, user));
        Some(position)
    }
}

impl WriterPositions {
    const KEPT: usize = 10_000;

    /// A user wrote up to `next_seq`.
    pub(crate) fn wrote(&self, user: UserId, next_seq: u64) {
        let mut inner = self.inner.lock();
        // Two of a user's appends may end out of order: the later position counts.
        let position = inner.forget(user).unwrap_or_default().max(next_seq);
        inner.last.insert(user, position);
        inner.order.insert((position, user));
        if inner.last.len() > Self::KEPT
            && let Some((_, oldest)) = inner.order.pop_first()
        {
            inner.last.remove(&oldest);
        }
    }

    /// The position that a user's feed must cover; `None` if `is_applied` says that it does. What is applied is forgotten.
    pub(crate) fn needed(&self, user: UserId, is_applied: impl Fn(u64) -> bool) -> Option<u64> {
        let mut inner = self.inner.lock();
        let position = inner.last.get(&user).copied()?;
        if is_applied(position) {
            inner.forget(user);
            return None;
        }
        Some(position)
    }

    /// Most writers that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.inner.lock().last.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(writes: &WriterPositions, user: u64) -> Option<u64> {
        writes.needed(UserId(user), |_| false)
    }

    #[test]
    fn the_last_write_counts_and_memory_is_bounded() {
        let writes = WriterPositions::default();
        writes.wrote(UserId(1), 5);
        writes.wrote(UserId(1), 9);
        assert_eq!((needed(&writes, 1), needed(&writes, 2)), (Some(9), None));
        for user in 2..=(WriterPositions::KEPT as u64 + 1) {
            writes.wrote(UserId(user), 10 + user);
        }
        assert_eq!((needed(&writes, 1), needed(&writes, 2)), (None, Some(12)));
    }

    #[test]
    fn who_wrote_last_is_remembered_however_early_their_first_write_was() {
        let writes = WriterPositions::default();
        for user in 1..=WriterPositions::KEPT as u64 {
            writes.wrote(UserId(user), user);
        }
        writes.wrote(UserId(1), 20_000);
        writes.wrote(UserId(99_999), 20_001);
        assert_eq!((needed(&writes, 1), needed(&writes, 2)), (Some(20_000), None));
        assert_eq!(writes.len(), WriterPositions::KEPT);
    }

    #[test]
    fn what_everybody_has_applied_is_forgotten() {
        let writes = WriterPositions::default();
        writes.wrote(UserId(1), 5);
        assert_eq!(writes.needed(UserId(1), |position| position <= 4), Some(5));
        assert_eq!(writes.needed(UserId(1), |position| position <= 5), None);
        assert_eq!(writes.len(), 0);
    }
}
