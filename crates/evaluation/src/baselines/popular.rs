//! Popularity of all time.

use super::Baseline;
use super::ranked_counts::RankedCounts;

/// The number of interactions with an item so far, whoever they are from and however old.
///
/// Memory: some 50 bytes for each item ever met.
#[derive(Clone, Debug, Default)]
pub struct Popular {
    counts: RankedCounts,
}

impl Baseline for Popular {
    fn name(&self) -> &'static str {
        "popular"
    }

    fn definition(&self) -> String {
        "interactions with the item before the moment".into()
    }

    fn observe(&mut self, _user: u64, item: u64, _at: i64) {
        self.counts.add(item);
    }

    fn scores(&mut self, _user: u64, _at: i64, items: &[u64], out: &mut Vec<f64>) {
        self.counts.scores(items, out);
    }

    fn top(&mut self, _user: u64, _at: i64, n: usize) -> Vec<(u64, f64)> {
        self.counts.top(n)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::baselines::naive::{answers, logs, recount, tell};

    #[test]
    fn every_interaction_counts_again() {
        let mut popular = Popular::default();
        tell(&mut popular, &[(1, 5, 0), (1, 5, 1), (2, 6, 2)]);
        assert_eq!(popular.top(9, i64::MAX, 2), [(5, 2.0), (6, 1.0)]);
    }

    proptest! {
        #[test]
        fn equals_counting_anew(log in logs()) {
            let mut popular = Popular::default();
            for (n, &(user, item, at)) in log.iter().enumerate() {
                let expected = recount(|item| log[..n].iter().filter(|e| e.1 == item).count() as u32);
                prop_assert_eq!(answers(&mut popular, user, at), expected);
                popular.observe(user, item, at);
            }
        }
    }
}
