//! The rows that can be among the best, by estimates with a known error.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use kernels::{BLOCK_ROWS, Estimates, Int8Query, Int8Rows, Kernels};
use rayon::prelude::*;

/// Blocks of rows that one thread estimates at a time.
const CHUNK: usize = 128;

/// Fewest rows after which a list is cut back: sorting out a few at a time costs more than it saves.
const FEWEST: usize = 1_024;

/// A row that can be among the best: its product is between `least` and `most`.
#[derive(Clone, Copy, Debug)]
struct Near {
    row: u32,
    least: f32,
    most: f32,
}

/// What `k` rows are known to reach: a row that cannot is not among the best. Shared by the threads.
struct Floor {
    k: usize,
    /// The most rows that the list may keep.
    limit: usize,
    /// See [`ascending`].
    reached: AtomicU32,
    gave_up: AtomicBool,
}

/// The bits of a number such that they are ordered as the numbers are.
fn ascending(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

fn from_ascending(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

impl Floor {
    // Relaxed: the number stands for itself, and an old one only keeps more rows.
    fn get(&self) -> f32 {
        from_ascending(self.reached.load(Ordering::Relaxed))
    }

    /// Cuts a list back to what can be among the best, and raises the floor by what it knows.
    fn cut(&self, near: &mut Vec<Near>) {
        if near.len() >= self.k {
            let (_, kth, _) = near.select_nth_unstable_by(self.k - 1, |a, b| b.least.total_cmp(&a.least));
            self.reached.fetch_max(ascending(kth.least), Ordering::Relaxed);
        }
        let floor = self.get();
        near.retain(|n| can_reach(n.most, floor));
        if near.len() > self.limit {
            self.gave_up.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether a row of at most `most` can reach a floor; one that nothing is known of can.
fn can_reach(most: f32, floor: f32) -> bool {
    most >= floor || most.is_nan()
}

/// All rows, in ascending order, that can be among the `k` best of those that `admits`; at least those. `None` if they are more than
/// `limit`: then looking at all rows is quicker. `admits` is asked only about rows that would otherwise be on the list so far.
pub(super) fn shortlist(
    kernels: Kernels,
    rows: &Int8Rows,
    query: &Int8Query,
    k: usize,
    limit: usize,
    admits: impl Fn(usize) -> bool + Sync,
) -> Option<Vec<u32>> {
    let floor =
        Floor { k, limit, reached: AtomicU32::new(ascending(f32::NEG_INFINITY)), gave_up: AtomicBool::new(false) };
    let take = |(mut near, room): (Vec<Near>, usize), chunk: usize| {
        let mut room = room;
        let mut estimates = [Estimates::default(); CHUNK];
        let first = chunk * CHUNK;
        let estimates = &mut estimates[..CHUNK.min(rows.blocks() - first)];
        if floor.gave_up.load(Ordering::Relaxed) {
            return (near, room);
        }
        rows.estimate(kernels, query, first, estimates);
        let mut reached = floor.get();
        for (b, estimates) in estimates.iter().enumerate() {
            let most: [f32; BLOCK_ROWS] = std::array::from_fn(|r| estimates.middle[r] + estimates.error[r]);
            // Nearly no block has one; without a branch per row.
            if !most.iter().fold(false, |any, &most| any | can_reach(most, reached)) {
                continue;
            }
            for (r, &most) in most.iter().enumerate() {
                let row = (first + b) * BLOCK_ROWS + r;
                if can_reach(most, reached) && admits(row) {
                    let least = estimates.middle[r] - estimates.error[r];
                    // An estimate that is not finite says nothing.
                    let known = least.is_finite() && estimates.middle[r].is_finite();
                    near.push(Near { row: row as u32, least: if known { least } else { f32::NEG_INFINITY }, most });
                }
            }
            if near.len() >= room {
                floor.cut(&mut near);
                room = (2 * near.len()).max(2 * k).max(FEWEST);
                reached = floor.get();
            }
        }
        (near, room)
    };
    let chunks = rows.blocks().div_ceil(CHUNK);
    let mut near = (0..chunks)
        .into_par_iter()
        .fold(|| (Vec::new(), (2 * k).max(FEWEST)), take)
        .map(|(near, _)| near)
        .reduce(Vec::new, |mut a, b| {
            a.extend(b);
            a
        });
    floor.cut(&mut near);
    if floor.gave_up.load(Ordering::Relaxed) {
        return None;
    }
    let mut rows: Vec<u32> = near.into_iter().map(|n| n.row).collect();
    // Their f32 rows are read next: in the order of memory.
    rows.sort_unstable();
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_ordered_as_the_numbers_are() {
        let numbers = [f32::NEG_INFINITY, -3.5, -f32::MIN_POSITIVE, -0.0, 0.0, 1e-40, 2.0, f32::INFINITY];
        for (i, &x) in numbers.iter().enumerate() {
            assert_eq!(from_ascending(ascending(x)).to_bits(), x.to_bits());
            for &y in &numbers[i + 1..] {
                assert!(ascending(x) < ascending(y), "{x} {y}");
            }
        }
    }

    #[test]
    fn a_list_that_grows_too_long_is_given_up() {
        let mut rows = Int8Rows::new(2).unwrap();
        (0..5_000).for_each(|row| rows.set(row, &[1.0, 0.5]));
        let query = Int8Query::new(&[1.0, 1.0]).unwrap();
        let list = |limit| shortlist(Kernels::native(), &rows, &query, 10, limit, |row| row < 5_000);
        assert_eq!(list(4_999), None);
        assert_eq!(list(5_000).map(|rows| rows.len()), Some(5_000));
    }
}
