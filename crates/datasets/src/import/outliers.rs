//! Times far behind all others of a file: one wrong time must not move the clock of a folder.

use std::collections::BTreeMap;

use foryou_types::{DAY_MS, TimeMs};

/// Rows after this many days without a row are suspicious. Catalogues of decades do have gaps of months.
const GAP_DAYS: i64 = 365;

/// At most one row, or one in this many, may be behind such a gap to count as a mistake.
const ONE_IN: u64 = 1_000;

/// How many rows each day of a file has.
#[derive(Default)]
pub(super) struct Days(BTreeMap<i64, u64>);

impl Days {
    /// Counts a row.
    pub(super) fn see(&mut self, at: TimeMs) {
        *self.0.entry(at.0.div_euclid(DAY_MS)).or_default() += 1;
    }

    /// The last moment before the outliers; `None` without outliers.
    pub(super) fn last_before_outliers(&self) -> Option<TimeMs> {
        let may_be_behind = 1 + self.0.values().sum::<u64>() / ONE_IN;
        let (mut last, mut behind) = (None, 0);
        for ((day, rows), (before, _)) in self.0.iter().rev().zip(self.0.iter().rev().skip(1)) {
            behind += rows;
            if behind > may_be_behind {
                break;
            }
            if day - before > GAP_DAYS {
                last = Some(TimeMs((before + 1) * DAY_MS - 1));
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(days: impl IntoIterator<Item = i64>) -> Option<i64> {
        let mut all = Days::default();
        days.into_iter().for_each(|day| all.see(TimeMs(day * DAY_MS + 7)));
        all.last_before_outliers().map(|last| last.0.div_euclid(DAY_MS))
    }

    #[test]
    fn a_single_row_years_behind_all_others_is_an_outlier_and_several_are_not() {
        assert_eq!(last([]), None);
        assert_eq!(last([5]), None);
        assert_eq!(last([1, 2, 3, 40_000]), Some(3));
        assert_eq!(last([1, 2, 3, 40_000, 40_001]), None);
        assert_eq!(last([1, 2, 3, 300]), None);
        assert_eq!(last((0..5_000).chain([20_000, 20_001, 40_000])), Some(4_999));
    }
}
