//! A step's units over the threads.

/// Cuts `items` (from the shortest) into `shards` runs of about equal token counts, some perhaps empty. The same cut for the same
/// input, so gradients summed in shard order are the same bits.
pub(crate) fn split_shards(items: &[u32], tokens: impl Fn(u32) -> usize, shards: usize) -> Vec<Vec<u32>> {
    let shards = shards.max(1);
    let total: usize = items.iter().map(|&item| tokens(item)).sum();
    let mut out = vec![Vec::new(); shards];
    let mut before = 0;
    for &item in items {
        let size = tokens(item);
        // By the middle of the item, so that the last cut is not always rounded the same way.
        let shard = (2 * before + size) * shards / (2 * total).max(1);
        out[shard.min(shards - 1)].push(item);
        before += size;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_runs_of_equal_weight() {
        let items: Vec<u32> = (1..=40).collect();
        let shards = split_shards(&items, |i| i as usize, 3);
        assert_eq!(shards.concat(), items);
        let weights: Vec<u32> = shards.iter().map(|s| s.iter().sum()).collect();
        assert!(weights.iter().all(|&w| w.abs_diff(820 / 3) < 40), "{weights:?}");
        assert_eq!(split_shards(&[7], |_| 5, 2).concat(), [7]);
        assert_eq!(split_shards(&items, |i| i as usize, 1), [items]);
    }
}
