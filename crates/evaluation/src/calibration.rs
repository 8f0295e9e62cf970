//! Predicted against observed rates (He et al. 2014, section 3).

use serde::{Deserialize, Serialize};

use crate::log_loss::are_probabilities;

/// The bins of a [`calibration_table`].
const BINS: usize = 10;

/// `mean p / mean y = Σ p / Σ y`: 1 is right on average, 2 promises twice what happens.
///
/// `probabilities` and `labels` are parallel. It is blind to errors that cancel out, which [`calibration_table`] shows. `None`
/// without a positive, and where a probability is outside `[0, 1]` or not a number.
pub fn calibration(probabilities: &[f64], labels: &[bool]) -> Option<f64> {
    debug_assert_eq!(probabilities.len(), labels.len(), "one label per probability");
    let positive = labels.iter().filter(|label| **label).count();
    (positive > 0 && are_probabilities(probabilities)).then(|| probabilities.iter().sum::<f64>() / positive as f64)
}

/// One row of a [`calibration_table`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// How many examples are in the bin; at least 1.
    pub count: usize,
    /// The mean of their probabilities.
    pub predicted: f64,
    /// The share of positives among them.
    pub observed: f64,
}

/// Predicted and observed means in 10 bins of equal count, from the lowest probability to the highest.
///
/// Bin `i` has the examples `i n / 10 .. (i + 1) n / 10` (rounded down) in the order of their probabilities, so counts differ by 1 at
/// most, and below 10 examples there is one bin for each. Equal probabilities keep the order of the input and may fall in
/// neighbouring bins. `probabilities` and `labels` are parallel. `None` of nothing, and where a probability is outside `[0, 1]` or
/// not a number.
pub fn calibration_table(probabilities: &[f64], labels: &[bool]) -> Option<Vec<CalibrationBin>> {
    debug_assert_eq!(probabilities.len(), labels.len(), "one label per probability");
    if !are_probabilities(probabilities) {
        return None;
    }
    let mut rows: Vec<(f64, bool)> = probabilities.iter().copied().zip(labels.iter().copied()).collect();
    rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let start = |bin: usize| bin * rows.len() / BINS;
    let bins = (0..BINS).map(|bin| &rows[start(bin)..start(bin + 1)]).filter(|rows| !rows.is_empty()).map(|rows| {
        let count = rows.len();
        CalibrationBin {
            count,
            predicted: rows.iter().map(|(p, _)| p).sum::<f64>() / count as f64,
            observed: rows.iter().filter(|(_, label)| *label).count() as f64 / count as f64,
        }
    });
    Some(bins.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::close;

    #[test]
    fn the_ratio_by_hand() {
        // (0.2 + 0.4 + 0.6) / 1
        assert!(close(calibration(&[0.2, 0.4, 0.6], &[true, false, false]), Some(1.2)));
        assert_eq!(calibration(&[0.0, 0.0], &[true, false]), Some(0.0));
    }

    #[test]
    fn undefined() {
        assert_eq!(calibration(&[0.5], &[false]), None);
        assert_eq!(calibration(&[], &[]), None);
        assert_eq!(calibration_table(&[], &[]), None);
        for p in [f64::NAN, 1.5, -0.5] {
            assert_eq!(calibration(&[0.5, p], &[true, true]), None);
            assert_eq!(calibration_table(&[0.5, p], &[true, true]), None);
        }
    }

    #[test]
    fn twenty_rows_by_hand() {
        // From high to low; positive from 0.5 up, and 0 too.
        let probabilities: Vec<f64> = (0..20).rev().map(|i| f64::from(i) / 20.0).collect();
        let labels: Vec<bool> = (0..20).rev().map(|i| i >= 10 || i == 0).collect();
        let table = calibration_table(&probabilities, &labels).unwrap();
        assert_eq!(table.len(), 10);
        for (bin, row) in table.iter().enumerate() {
            assert_eq!(row.count, 2);
            assert!((row.predicted - (0.025 + 0.1 * bin as f64)).abs() < 1e-12, "{row:?}");
            let observed = match bin {
                0 => 0.5,
                1..=4 => 0.0,
                _ => 1.0,
            };
            assert_eq!(row.observed, observed);
        }
    }

    #[test]
    fn uneven_and_few() {
        // 13 i / 10 rounded down: 0 1 2 3 5 6 7 9 10 11 13
        let counts: Vec<usize> =
            calibration_table(&[0.5; 13], &[true; 13]).unwrap().iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [1, 1, 1, 2, 1, 1, 2, 1, 1, 2]);
        let few = calibration_table(&[0.9, 0.1], &[true, false]).unwrap();
        let bin = |predicted, observed| CalibrationBin { count: 1, predicted, observed };
        assert_eq!(few, [bin(0.1, 0.0), bin(0.9, 1.0)]);
    }

    proptest! {
        #[test]
        fn the_table_keeps_every_example(rows in prop::collection::vec((0.0..=1.0f64, any::<bool>()), 1..120)) {
            let (probabilities, labels): (Vec<f64>, Vec<bool>) = rows.iter().copied().unzip();
            let table = calibration_table(&probabilities, &labels).unwrap();
            prop_assert_eq!(table.len(), rows.len().min(10));
            prop_assert_eq!(table.iter().map(|bin| bin.count).sum::<usize>(), rows.len());
            prop_assert!(table.iter().all(|bin| bin.count.abs_diff(rows.len() / 10) <= 1));
            prop_assert!(table.windows(2).all(|pair| pair[0].predicted <= pair[1].predicted + 1e-12));
            let predicted: f64 = table.iter().map(|bin| bin.predicted * bin.count as f64).sum();
            let observed: f64 = table.iter().map(|bin| bin.observed * bin.count as f64).sum();
            prop_assert!((predicted - probabilities.iter().sum::<f64>()).abs() < 1e-9);
            prop_assert!((observed - labels.iter().filter(|l| **l).count() as f64).abs() < 1e-9);
        }

        #[test]
        fn the_ratio_is_of_the_two_means(rows in prop::collection::vec((0.0..=1.0f64, any::<bool>()), 1..40)) {
            let (probabilities, labels): (Vec<f64>, Vec<bool>) = rows.iter().copied().unzip();
            let predicted = rows.iter().map(|(p, _)| p).sum::<f64>() / rows.len() as f64;
            let observed = rows.iter().map(|(_, label)| f64::from(u8::from(*label))).sum::<f64>() / rows.len() as f64;
            let expected = (observed > 0.0).then(|| predicted / observed);
            prop_assert!(close(calibration(&probabilities, &labels), expected));
        }
    }
}
