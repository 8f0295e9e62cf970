//! Item-item co-occurrence on the user's last item.

use std::cmp::Reverse;
use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Baseline;

/// The number of people who took up both an item and the user's last one, at most `reach` new items apart.
///
/// Only a person's first interaction with an item counts. When somebody meets a new item `b`, then for each of the last `reach`
/// (5, [`Default`]) items `a` met before, `count[a][b]` and `count[b][a]` grow by 1, so that every person counts once a pair.
/// The score of `x` for a user is `count[last][x]`, where `last` is the item the user met last for the first time. A user without
/// history scores everything 0.
///
/// Memory, with hash tables at worst half empty: 18 bytes twice for each pair that co-occurred (at most `reach` pairs an interaction),
/// 34 for each user and item of an interaction, some 60 + 4 · `reach` for each user and 90 for each item.
#[derive(Clone, Debug)]
pub struct Cooccurrence {
    reach: usize,
    /// Ids as numbers from 0, which halves the memory of the pairs.
    numbers: FxHashMap<u64, u32>,
    ids: Vec<u64>,
    /// By the number of one item, that of the other and the count.
    pairs: Vec<FxHashMap<u32, u32>>,
    met: FxHashSet<(u64, u32)>,
    /// A user's last `reach` new items, the oldest first.
    recent: FxHashMap<u64, VecDeque<u32>>,
}

impl Cooccurrence {
    /// Nothing told yet; a reach of 0 is one of 1.
    pub fn new(reach: usize) -> Self {
        Self {
            reach: reach.max(1),
            numbers: FxHashMap::default(),
            ids: Vec::new(),
            pairs: Vec::new(),
            met: FxHashSet::default(),
            recent: FxHashMap::default(),
        }
    }

    /// The number of an item, a new one where it has none; `None` after 2^32 items.
    fn number(&mut self, item: u64) -> Option<u32> {
        if let Some(number) = self.numbers.get(&item) {
            return Some(*number);
        }
        let number = u32::try_from(self.ids.len()).ok()?;
        self.numbers.insert(item, number);
        self.ids.push(item);
        self.pairs.push(FxHashMap::default());
        Some(number)
    }

    /// How often each item goes with the user's last item; `None` without history.
    fn row(&self, user: u64) -> Option<&FxHashMap<u32, u32>> {
        let last = self.recent.get(&user)?.back()?;
        self.pairs.get(*last as usize)
    }
}

/// One more of `pairs[a][b]`.
fn count(pairs: &mut [FxHashMap<u32, u32>], a: u32, b: u32) {
    if let Some(row) = pairs.get_mut(a as usize) {
        *row.entry(b).or_insert(0) += 1;
    }
}

impl Default for Cooccurrence {
    fn default() -> Self {
        Self::new(5)
    }
}

impl Baseline for Cooccurrence {
    fn name(&self) -> &'static str {
        "cooccurrence"
    }

    fn definition(&self) -> String {
        format!("people who met the item and the user's last new one at most {} new items apart", self.reach)
    }

    fn observe(&mut self, user: u64, item: u64, _at: i64) {
        let Some(new) = self.number(item) else { return };
        if !self.met.insert((user, new)) {
            return;
        }
        let recent = self.recent.entry(user).or_default();
        for &old in recent.iter() {
            count(&mut self.pairs, old, new);
            count(&mut self.pairs, new, old);
        }
        if recent.len() == self.reach {
            recent.pop_front();
        }
        recent.push_back(new);
    }

    fn scores(&mut self, user: u64, _at: i64, items: &[u64], out: &mut Vec<f64>) {
        out.clear();
        let Some(row) = self.row(user) else {
            out.resize(items.len(), 0.0);
            return;
        };
        let count = |item| self.numbers.get(item).and_then(|number| row.get(number)).copied().unwrap_or(0);
        out.extend(items.iter().map(|item| f64::from(count(item))));
    }

    fn top(&mut self, user: u64, _at: i64, n: usize) -> Vec<(u64, f64)> {
        let row = self.row(user).into_iter().flatten();
        let mut best: Vec<(Reverse<u32>, u64)> =
            row.filter_map(|(number, count)| Some((Reverse(*count), *self.ids.get(*number as usize)?))).collect();
        if n < best.len() {
            best.select_nth_unstable(n);
            best.truncate(n);
        }
        best.sort_unstable();
        best.into_iter().map(|(Reverse(count), item)| (item, f64::from(count))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::baselines::naive::{Event, answers, logs, recount};

    fn told(reach: usize, log: &[(u64, u64)]) -> Cooccurrence {
        let mut cooccurrence = Cooccurrence::new(reach);
        for (user, item) in log {
            cooccurrence.observe(*user, *item, 0);
        }
        cooccurrence
    }

    #[test]
    fn both_directions_within_the_reach() {
        // User 1 meets 10, 20, 30: with a reach of 1 the pairs are 10-20 and 20-30. User 2 ends with 20, user 3 with 30.
        let log = [(1, 10), (1, 20), (1, 30), (2, 20), (3, 30)];
        let mut near = told(1, &log);
        assert_eq!(near.top(2, 0, 9), [(10, 1.0), (30, 1.0)]);
        assert_eq!(near.top(3, 0, 9), [(20, 1.0)]);
        let mut far = told(2, &log);
        assert_eq!(far.top(3, 0, 9), [(10, 1.0), (20, 1.0)]);
    }

    #[test]
    fn coming_back_counts_nothing_and_moves_nothing() {
        let mut cooccurrence = told(5, &[(1, 10), (1, 20), (1, 10), (1, 10), (1, 20)]);
        let mut scores = Vec::new();
        cooccurrence.scores(1, 0, &[10, 20, 99], &mut scores);
        assert_eq!(scores, [1.0, 0.0, 0.0], "the last new item is 20, and it was met with 10 once");
    }

    #[test]
    fn a_reach_of_nothing_is_one() {
        assert_eq!(told(0, &[(1, 10), (1, 20)]).top(1, 0, 9), [(10, 1.0)]);
    }

    /// Distinct items of a user in the order of meeting.
    fn met(log: &[Event], user: u64) -> Vec<u64> {
        let mut items = Vec::new();
        for event in log.iter().filter(|e| e.0 == user) {
            if !items.contains(&event.1) {
                items.push(event.1);
            }
        }
        items
    }

    proptest! {
        #[test]
        fn equals_counting_anew(log in logs(), reach in 1..7usize) {
            let mut cooccurrence = Cooccurrence::new(reach);
            for (n, &(user, item, at)) in log.iter().enumerate() {
                let lists: Vec<Vec<u64>> = (0..4).map(|user| met(&log[..n], user)).collect();
                let last = lists[user as usize].last().copied();
                let near = |list: &&Vec<u64>, item| {
                    let place = |wanted| list.iter().position(|i| Some(*i) == wanted);
                    matches!((place(last), place(Some(item))), (Some(a), Some(b)) if (1..=reach).contains(&a.abs_diff(b)))
                };
                let expected = recount(|item| lists.iter().filter(|list| near(list, item)).count() as u32);
                prop_assert_eq!(answers(&mut cooccurrence, user, at), expected);
                cooccurrence.observe(user, item, at);
            }
        }
    }
}
