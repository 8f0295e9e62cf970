//! Counts of items that can be asked for the highest at any time.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

/// How often each item was counted, kept in order while it changes.
///
/// A change takes O(log items) and the best `n` take O(n), because a stream asks as often as it counts. Memory: one entry of a map and
/// one of a tree (16 bytes each) for an item with a count above 0.
#[derive(Clone, Debug, Default)]
pub(super) struct RankedCounts {
    counts: FxHashMap<u64, u64>,
    order: BTreeSet<(Reverse<u64>, u64)>,
}

impl RankedCounts {
    /// One more of `item`.
    pub(super) fn add(&mut self, item: u64) {
        let count = self.counts.entry(item).or_insert(0);
        self.order.remove(&(Reverse(*count), item));
        *count += 1;
        self.order.insert((Reverse(*count), item));
    }

    /// Removes one of `item`, if there is one.
    pub(super) fn remove(&mut self, item: u64) {
        let Some(count) = self.counts.get_mut(&item) else { return };
        self.order.remove(&(Reverse(*count), item));
        *count -= 1;
        if *count > 0 {
            self.order.insert((Reverse(*count), item));
        } else {
            self.counts.remove(&item);
        }
    }

    /// The counts of `items`, in place of what `out` held.
    pub(super) fn scores(&self, items: &[u64], out: &mut Vec<f64>) {
        out.clear();
        out.extend(items.iter().map(|item| self.counts.get(item).map_or(0.0, |count| *count as f64)));
    }

    /// The `n` highest counts, ties by the smaller id.
    pub(super) fn top(&self, n: usize) -> Vec<(u64, f64)> {
        self.order.iter().take(n).map(|(Reverse(count), item)| (*item, *count as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_follows_every_change() {
        let mut counts = RankedCounts::default();
        for item in [5, 9, 5, 2] {
            counts.add(item);
        }
        assert_eq!(counts.top(9), [(5, 2.0), (2, 1.0), (9, 1.0)]);
        counts.remove(5);
        counts.remove(2);
        counts.remove(2);
        counts.remove(77);
        assert_eq!(counts.top(9), [(5, 1.0), (9, 1.0)]);
        let mut scores = vec![1.0];
        counts.scores(&[2, 9], &mut scores);
        assert_eq!(scores, [0.0, 1.0]);
        assert_eq!((counts.counts.len(), counts.order.len()), (2, 2));
    }
}
