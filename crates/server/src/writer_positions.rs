//! Read your own writes: how far the log must be applied before a viewer's next feed.

use std::collections::{BTreeMap, HashMap};

use event_log::Position;
use foryou_types::UserId;
use parking_lot::Mutex;

/// The last log position that each recent writer wrote, kept as long as a feed may have to wait for it.
///
/// Bounded: beyond [`Self::KEPT`] writers, those whose last write is the oldest are dropped.
#[derive(Debug, Default)]
pub(crate) struct WriterPositions {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Per writer the number of the last write, and up to where it reached.
    last: HashMap<UserId, (u64, Position)>,
    /// The writers by these numbers: the oldest write first.
    order: BTreeMap<u64, UserId>,
    writes: u64,
}

impl Inner {
    fn forget(&mut self, user: UserId) -> Option<Position> {
        let (write, position) = self.last.remove(&user)?;
        self.order.remove(&write);
        Some(position)
    }
}

impl WriterPositions {
    const KEPT: usize = 10_000;

    /// A user wrote up to `position`.
    pub(crate) fn wrote(&self, user: UserId, position: &Position) {
        let mut inner = self.inner.lock();
        // Two of a user's appends may end out of order: what one of both reached counts.
        let position = inner.forget(user).unwrap_or_default().join(position);
        inner.writes += 1;
        let write = inner.writes;
        inner.last.insert(user, (write, position));
        inner.order.insert(write, user);
        if inner.last.len() > Self::KEPT
            && let Some((_, oldest)) = inner.order.pop_first()
        {
            inner.last.remove(&oldest);
        }
    }

    /// The position that a user's feed must cover; `None` if `is_applied` says that it does. What is applied is forgotten.
    pub(crate) fn needed(&self, user: UserId, is_applied: impl Fn(&Position) -> bool) -> Option<Position> {
        let mut inner = self.inner.lock();
        let position = inner.last.get(&user)?.1.clone();
        if is_applied(&position) {
            inner.forget(user);
            return None;
        }
        Some(position)
    }

    /// Writers that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.inner.lock().last.len()
    }
}

#[cfg(test)]
mod tests {
    use event_log::Topic;

    use super::*;

    fn at(posts: u64) -> Position {
        Position::new(&[(Topic::Posts, &[posts])], None)
    }

    fn needed(writes: &WriterPositions, user: u64) -> Option<u64> {
        writes.needed(UserId(user), |_| false).map(|position| position.events())
    }

    #[test]
    fn the_last_write_counts_and_memory_is_bounded() {
        let writes = WriterPositions::default();
        writes.wrote(UserId(1), &at(9));
        writes.wrote(UserId(1), &at(5));
        assert_eq!((needed(&writes, 1), needed(&writes, 2)), (Some(9), None));
        for user in 2..=(WriterPositions::KEPT as u64 + 1) {
            writes.wrote(UserId(user), &at(10 + user));
        }
        assert_eq!((needed(&writes, 1), needed(&writes, 2)), (None, Some(12)));
    }

    #[test]
    fn who_wrote_last_is_remembered_however_early_their_first_write_was() {
        let writes = WriterPositions::default();
        for user in 1..=WriterPositions::KEPT as u64 {
            writes.wrote(UserId(user), &at(user));
        }
        writes.wrote(UserId(1), &at(20_000));
        writes.wrote(UserId(99_999), &at(20_001));
        assert_eq!((needed(&writes, 1), needed(&writes, 2)), (Some(20_000), None));
        assert_eq!(writes.len(), WriterPositions::KEPT);
    }

    #[test]
    fn what_everybody_has_applied_is_forgotten() {
        let writes = WriterPositions::default();
        writes.wrote(UserId(1), &at(5));
        assert_eq!(writes.needed(UserId(1), |position| at(4).covers(position)), Some(at(5)));
        assert_eq!(writes.needed(UserId(1), |position| at(5).covers(position)), None);
        assert_eq!(writes.len(), 0);
    }
}
