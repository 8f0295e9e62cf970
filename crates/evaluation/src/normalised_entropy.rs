//! Log loss against that of knowing only the base rate (He et al. 2014, section 3).

use crate::log_loss;

/// `NE = log loss / H(b)` with `b` the share of positives and `H(b) = −(b ln b + (1 − b) ln(1 − b))`.
///
/// 1 is predicting `b` for everything, below 1 is better, 0 perfect, and there is no upper end. Unlike the log loss it can be
/// compared between action heads of different rates, and unlike [`auc`](crate::auc()) it sees bad calibration. `probabilities` and
/// `labels` are parallel. `None` where the [`log_loss()`] is `None`, and unless there is a positive and a negative.
pub fn normalised_entropy(probabilities: &[f64], labels: &[bool]) -> Option<f64> {
    let loss = log_loss(probabilities, labels)?;
    let base = labels.iter().filter(|label| **label).count() as f64 / labels.len() as f64;
    (base > 0.0 && base < 1.0).then(|| {
        let entropy = -(base * base.ln() + (1.0 - base) * (-base).ln_1p());
        loss / entropy
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::naive::close;

    #[test]
    fn two_examples_by_hand() {
        // H(1/2) = ln 2, so NE = −(log2 0.9 + log2 0.8) / 2.
        let ne = normalised_entropy(&[0.9, 0.2], &[true, false]);
        assert!(close(ne, Some(0.236_965_594_166_206)), "{ne:?}");
    }

    #[test]
    fn one_in_four_by_hand() {
        // Log loss of one half everywhere is ln 2; H(1/4) = 2 ln 2 − 3/4 ln 3.
        let ne = normalised_entropy(&[0.5; 4], &[true, false, false, false]);
        let two = 2f64.ln();
        assert!(close(ne, Some(two / (2.0 * two - 0.75 * 3f64.ln()))), "{ne:?}");
    }

    #[test]
    fn undefined() {
        assert_eq!(normalised_entropy(&[0.5, 0.5], &[true, true]), None);
        assert_eq!(normalised_entropy(&[0.5, 0.5], &[false, false]), None);
        assert_eq!(normalised_entropy(&[0.5, f64::NAN], &[true, false]), None);
        assert_eq!(normalised_entropy(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn the_base_rate_has_one_and_no_other_constant_less(
            labels in prop::collection::vec(any::<bool>(), 2..40),
            other in 0.0..=1.0f64,
        ) {
            let base = labels.iter().filter(|l| **l).count() as f64 / labels.len() as f64;
            prop_assume!(base > 0.0 && base < 1.0);
            let of = |p: f64| normalised_entropy(&vec![p; labels.len()], &labels).unwrap();
            prop_assert!((of(base) - 1.0).abs() < 1e-12);
            prop_assert!(of(other) >= 1.0 - 1e-12);
        }

        #[test]
        fn agrees_with_the_naive_ratio(rows in prop::collection::vec((0.01..0.99f64, any::<bool>()), 2..30)) {
            let (probabilities, labels): (Vec<f64>, Vec<bool>) = rows.iter().copied().unzip();
            let positive = labels.iter().filter(|l| **l).count();
            prop_assume!(positive > 0 && positive < labels.len());
            let base = positive as f64 / labels.len() as f64;
            let bits = |p: f64, label: bool| if label { p.log2() } else { (1.0 - p).log2() };
            let model: f64 = rows.iter().map(|(p, label)| bits(*p, *label)).sum();
            let constant: f64 = labels.iter().map(|label| bits(base, *label)).sum();
            let ne = normalised_entropy(&probabilities, &labels).unwrap();
            prop_assert!((ne / (model / constant) - 1.0).abs() < 1e-10);
        }
    }
}
