//! Read your own writes: how far the log must be applied before a viewer's next feed.

use foryou_types::UserId;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};

/// The last log position that each recent writer wrote, bounded: a forgotten writer wrote long ago.
#[derive(Debug, Default)]
pub(crate) struct OwnWrites {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: HashMap<UserId, u64>,
    order: VecDeque<UserId>,
}

impl OwnWrites {
    const KEPT: usize = 10_000;

    /// A user wrote up to `next_seq`.
    pub(crate) fn wrote(&self, user: UserId, next_seq: u64) {
        let mut inner = self.inner.lock();
        // Two of a user's appends may end out of order: the later position counts.
        let last = inner.last.get(&user).copied();
        inner.last.insert(user, next_seq.max(last.unwrap_or_default()));
        if last.is_none() {
            inner.order.push_back(user);
            if inner.order.len() > Self::KEPT
                && let Some(oldest) = inner.order.pop_front()
            {
                inner.last.remove(&oldest);
            }
        }
    }

    /// The position a user's feed must cover.
    pub(crate) fn needed(&self, user: UserId) -> Option<u64> {
        self.inner.lock().last.get(&user).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_counts_and_memory_is_bounded() {
        let writes = OwnWrites::default();
        writes.wrote(UserId(1), 5);
        writes.wrote(UserId(1), 9);
        assert_eq!(writes.needed(UserId(1)), Some(9));
        assert_eq!(writes.needed(UserId(2)), None);
        for user in 2..=(OwnWrites::KEPT as u64 + 1) {
            writes.wrote(UserId(user), user);
        }
        assert_eq!(writes.needed(UserId(1)), None);
        assert_eq!(writes.needed(UserId(2)), Some(2));
    }
}
