//! What the metrics of order share: the order of scores, relevance in rank order, and groups of tied scores.

use std::cmp::Ordering;

/// The positions of `scores` from best to worst.
///
/// Ties keep the order of the input; a score that is not a number comes last.
pub fn rank_order(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| match (scores[a].is_nan(), scores[b].is_nan()) {
        (false, false) => scores[b].partial_cmp(&scores[a]).unwrap_or(Ordering::Equal),
        (a_nan, b_nan) => a_nan.cmp(&b_nan),
    });
    order
}

/// Whether each of the best `k` by `scores` is relevant, from the best; shorter where there are fewer than `k`.
///
/// Ties: [`rank_order`].
pub(crate) fn top_k(scores: &[f64], relevant: &[bool], k: usize) -> impl Iterator<Item = bool> {
    debug_assert_eq!(scores.len(), relevant.len(), "one relevance per score");
    rank_order(scores).into_iter().take(k).filter_map(|i| relevant.get(i).copied())
}

/// How many are relevant; `None` of none.
pub(crate) fn relevant_count(relevant: &[bool]) -> Option<usize> {
    let count = relevant.iter().filter(|r| **r).count();
    (count > 0).then_some(count)
}

/// The runs of equal scores in `order`, a [`rank_order`] of `scores`. All scores that are not a number are one run.
pub(crate) fn tie_groups<'a>(scores: &'a [f64], order: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
    order.chunk_by(|&a, &b| scores[a] == scores[b] || (scores[a].is_nan() && scores[b].is_nan()))
}

/// Slow definitions by counting, to hold the metrics against.
#[cfg(test)]
pub(crate) mod naive {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    /// Lists of `(score, relevant)` with many ties and some scores that are not a number.
    pub(crate) fn lists() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
        let score = prop_oneof![
            4 => (-3..4i32).prop_map(f64::from),
            4 => -3.0..3.0f64,
            1 => Just(-0.0),
            1 => Just(f64::NAN),
            1 => Just(f64::NEG_INFINITY),
            1 => Just(f64::INFINITY),
        ];
        prop::collection::vec((score, any::<bool>()), 0..25).prop_map(|rows| rows.into_iter().unzip())
    }

    /// `a` against `b`, a score that is not a number below all others.
    pub(crate) fn compare(a: f64, b: f64) -> Ordering {
        a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
    }

    /// The rank of item `i`, from 1: one more than the items ahead of it (a higher score, or the same and earlier).
    pub(crate) fn rank(scores: &[f64], i: usize) -> usize {
        let ahead = |j: &usize| match compare(scores[*j], scores[i]) {
            Ordering::Greater => true,
            Ordering::Equal => *j < i,
            Ordering::Less => false,
        };
        1 + (0..scores.len()).filter(ahead).count()
    }

    /// The ranks of the relevant items, from 1, in no order.
    pub(crate) fn relevant_ranks(scores: &[f64], relevant: &[bool]) -> Vec<usize> {
        (0..scores.len()).filter(|i| relevant[*i]).map(|i| rank(scores, i)).collect()
    }

    /// Both `None`, or equal to 1e-12.
    pub(crate) fn close(a: Option<f64>, b: Option<f64>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-12,
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_keep_the_input_order_and_nan_is_last() {
        assert_eq!(rank_order(&[1.0, f64::NAN, 2.0, 1.0, f64::NEG_INFINITY]), [2, 0, 3, 4, 1]);
        assert_eq!(rank_order(&[0.0, -0.0, 0.0]), [0, 1, 2]);
    }

    #[test]
    fn groups_hold_what_ties() {
        let scores = [0.0, f64::NAN, 1.0, -0.0, f64::NAN, f64::NEG_INFINITY];
        let order = rank_order(&scores);
        let groups: Vec<&[usize]> = tie_groups(&scores, &order).collect();
        assert_eq!(groups, [&[2][..], &[0, 3], &[5], &[1, 4]]);
        assert_eq!(tie_groups(&[], &[]).count(), 0);
    }

    #[test]
    fn the_top_follows_the_scores() {
        let relevant = [true, false, true];
        assert_eq!(top_k(&[0.1, 0.9, 0.5], &relevant, 2).collect::<Vec<_>>(), [false, true]);
        assert_eq!(top_k(&[0.1, 0.9, 0.5], &relevant, 9).count(), 3);
        assert_eq!(relevant_count(&relevant), Some(2));
        assert_eq!(relevant_count(&[false]), None);
    }
}
