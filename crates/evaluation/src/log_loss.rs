//! Cross-entropy of predicted probabilities.

/// `−1/n Σ (y ln p + (1 − y) ln(1 − p))`, in nats per example.
///
/// `probabilities` and `labels` are parallel. A probability is first moved into `[ε, 1 − ε]` with `ε = f64::EPSILON` (as
/// scikit-learn does), so being certain and wrong costs 36 nats and not infinity. `None` of nothing, and where a probability is
/// outside `[0, 1]` or not a number: a mean over the others would flatter a broken model.
pub fn log_loss(probabilities: &[f64], labels: &[bool]) -> Option<f64> {
    debug_assert_eq!(probabilities.len(), labels.len(), "one label per probability");
    are_probabilities(probabilities).then(|| {
        let loss = |(p, label): (&f64, &bool)| {
            let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            if *label { -p.ln() } else { -(-p).ln_1p() }
        };
        probabilities.iter().zip(labels).map(loss).sum::<f64>() / probabilities.len() as f64
    })
}

/// Whether there are any and each is in `[0, 1]`.
pub(crate) fn are_probabilities(values: &[f64]) -> bool {
    !values.is_empty() && values.iter().all(|p| (0.0..=1.0).contains(p))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_examples_by_hand() {
        // −(ln 0.9 + ln 0.8) / 2
        let loss = log_loss(&[0.9, 0.2], &[true, false]).unwrap();
        assert!((loss - 0.164_252_033_486_018).abs() < 1e-14, "{loss}");
    }

    #[test]
    fn certainty_is_finite() {
        let wrong = -f64::EPSILON.ln();
        assert!((log_loss(&[0.0], &[true]).unwrap() - wrong).abs() < 1e-12);
        assert!((log_loss(&[1.0], &[false]).unwrap() - wrong).abs() < 1e-12);
        assert!(log_loss(&[0.0, 1.0], &[false, true]).unwrap().abs() < 1e-15);
    }

    #[test]
    fn what_is_no_probability_has_no_loss() {
        for p in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
            assert_eq!(log_loss(&[0.5, p], &[true, false]), None);
        }
        assert_eq!(log_loss(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn is_the_likelihood_of_the_labels(rows in prop::collection::vec((0.01..0.99f64, any::<bool>()), 1..20)) {
            let (probabilities, labels): (Vec<f64>, Vec<bool>) = rows.iter().copied().unzip();
            let likelihood: f64 = rows.iter().map(|(p, label)| if *label { *p } else { 1.0 - p }).product();
            let loss = log_loss(&probabilities, &labels).unwrap();
            prop_assert!((loss + likelihood.ln() / rows.len() as f64).abs() < 1e-12);
        }
    }
}
