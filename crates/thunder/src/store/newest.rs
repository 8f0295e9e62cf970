//! The newest `n` of many, in one pass.

use std::cmp::Reverse;

/// When and which: the order of answers, newest first where reversed.
pub(super) type Key = (i64, u64);

/// Keeps the newest `limit` items of a stream.
///
/// It holds up to twice as many and drops the older half when full, so an item costs constant time on average; what is dropped
/// gives a bound that the caller can stop scanning by.
#[derive(Debug)]
pub(super) struct Newest<T> {
    limit: usize,
    kept: Vec<(Key, T)>,
    bound: Option<Key>,
}

impl<T> Newest<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), bound: None }
    }

    /// Refuses everything before a moment from the start.
    pub(super) fn from(mut self, time: Option<i64>) -> Self {
        self.bound = time.map(|time| (time, 0));
        self
    }

    /// The time of the last of the newest, if there are as many as asked for.
    pub(super) fn last_time(mut self) -> Option<i64> {
        if self.limit == 0 || self.kept.len() < self.limit {
            return None;
        }
        self.drop_older();
        self.bound.map(|bound| bound.0)
    }

    /// Whether nothing from this time can be among the newest any more.
    pub(super) fn is_too_old(&self, time: i64) -> bool {
        self.limit == 0 || self.bound.is_some_and(|bound| time < bound.0)
    }

    /// Offers an item.
    pub(super) fn push(&mut self, key: Key, item: T) {
        if self.limit == 0 || self.bound.is_some_and(|bound| key < bound) {
            return;
        }
        self.kept.push((key, item));
        if self.kept.len() >= self.limit.saturating_mul(2) {
            self.drop_older();
        }
    }

    /// The newest items, newest first.
    pub(super) fn into_sorted(mut self) -> impl Iterator<Item = T> {
        self.kept.sort_unstable_by_key(|(key, _)| Reverse(*key));
        self.kept.truncate(self.limit);
        self.kept.into_iter().map(|(_, item)| item)
    }

    fn drop_older(&mut self) {
        let (_, last, _) = self.kept.select_nth_unstable_by_key(self.limit - 1, |(key, _)| Reverse(*key));
        self.bound = Some(last.0);
        self.kept.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_sort_and_cut(items in prop::collection::vec((-20i64..20, any::<u64>()), 0..200), limit in 0usize..20) {
            let mut newest = Newest::new(limit);
            for &key in &items {
                if !newest.is_too_old(key.0) {
                    newest.push(key, key);
                }
            }
            let mut expected = items.clone();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            expected.truncate(limit);
            let last = items.len().checked_sub(limit).and(expected.last()).map(|key| key.0);
            let mut times = Newest::new(limit);
            for &key in &items {
                times.push(key, ());
            }
            prop_assert_eq!(times.last_time(), last);
            prop_assert_eq!(newest.into_sorted().collect::<Vec<_>>(), expected);
        }
    }
}
