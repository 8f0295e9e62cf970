//! Stage 6: the order of the feed.

use std::time::Instant;

use crate::guard::{caught, caught_each};
use crate::pipeline::Pipeline;
use crate::pool::Pool;
use crate::report::{MergeOutcome, Report};

/// What the selector made of the candidates.
pub(super) struct Ranked<C> {
    /// The best K, in order.
    pub(super) selected: Pool<C>,
    /// All others, in order.
    pub(super) rest: Pool<C>,
    /// How many scores are NaN or infinite.
    pub(super) non_finite: usize,
    /// How many must survive post-selection.
    pub(super) result_size: usize,
}

/// What is sorted: [`descending`] in the upper half, the position the candidate came at in the lower. One number, so that
/// comparing two takes no branch; unique, so that an unstable sort is stable.
type Key = u128;

impl<Q, C> Pipeline<Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    /// Sorts and splits at K. A selector that panics on a candidate puts it at the end, among the non-finite scores; one that
    /// panics over the size selects all, and one that panics over a tie leaves ties in some order.
    pub(super) fn select(&self, query: &Q, mut pool: Pool<C>, report: &mut Report) -> Ranked<C> {
        let started = Instant::now();
        let meta = &self.selector.meta;
        let selector = self.selector.component.as_ref();
        let total = pool.len();
        let mut size_of = |size: Result<usize, _>| size.inspect_err(|e| report.failed(meta, e)).unwrap_or(usize::MAX);
        let size = size_of(caught(|| selector.size(query))).min(total);
        let result_size = size_of(caught(|| selector.result_size(query)));

        let mut non_finite = 0;
        let mut keys: Vec<Key> = Vec::with_capacity(total);
        let mut order: Vec<usize> = Vec::with_capacity(total);
        if report.enabled(meta, || selector.enable(query)) == Ok(true) {
            let mut outcome = MergeOutcome::default();
            let mut panicked = Vec::new();
            caught_each(
                pool.candidates.iter(),
                |i, candidate| {
                    let score = selector.score(candidate);
                    non_finite += usize::from(!score.is_finite());
                    keys.push(key(score, i));
                },
                |i, error| panicked.push((i, error)),
            );
            non_finite += panicked.len();
            for (i, error) in panicked {
                keys.push(key(f64::NAN, i));
                outcome.failed(error);
            }
            report.failed_on(meta, &outcome, total);
            keys.sort_unstable();
            for tied in keys.chunk_by_mut(|a, b| a >> 64 == b >> 64).filter(|tied| tied.len() > 1) {
                let sorted = caught(|| {
                    tied.sort_unstable_by_key(|&k| (selector.tie_break(query, &pool.candidates[index(k)]), k));
                });
                if let Err(error) = sorted {
                    report.failed(meta, &error);
                }
            }
            order.extend(keys.iter().map(|&key| index(key)));
        } else {
            order.extend(0..total);
        }
        self.trace_order(&pool, &order, report);

        // The selected go to the end of the list, so that taking them away moves them and not the many others.
        order.rotate_left(size);
        pool.permute(&mut order);
        let selected = pool.split_off(total - size);
        report.ran(meta, started.elapsed(), total, size);
        Ranked { selected, rest: pool, non_finite, result_size }
    }

    fn trace_order(&self, pool: &Pool<C>, order: &[usize], report: &mut Report) {
        let selector = self.selector.component.as_ref();
        let Some(mut view) = pool.view(report.trace.as_mut()) else { return };
        for (position, &i) in order.iter().enumerate() {
            let entry = view.at(i);
            entry.position = Some(position);
            entry.score = Some(caught(|| selector.score(&pool.candidates[i])).unwrap_or(f64::NAN));
            if let Ok(id) = caught(|| selector.id(&pool.candidates[i])) {
                entry.id = id;
            }
        }
    }
}

fn key(score: f64, index: usize) -> Key {
    Key::from(descending(score)) << 64 | index as Key
}

fn index(key: Key) -> usize {
    key as u64 as usize
}

/// A number that ascends as finite scores descend, and is greatest for those that are not finite. -0 equals 0.
fn descending(score: f64) -> u64 {
    if !score.is_finite() {
        return u64::MAX;
    }
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    !ascending
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_order_as_scores_do(a in any::<f64>(), b in any::<f64>()) {
            if a.is_finite() && b.is_finite() {
                prop_assert_eq!(Some(descending(a).cmp(&descending(b))), b.partial_cmp(&a));
                prop_assert!(descending(a) < descending(f64::NAN));
            } else if a.is_finite() {
                prop_assert!(descending(a) < descending(b));
            }
        }
    }

    #[test]
    fn edges() {
        assert_eq!(descending(-0.0), descending(0.0));
        assert!(descending(f64::MIN) < descending(f64::NEG_INFINITY));
        assert_eq!(descending(f64::INFINITY), u64::MAX);
        assert!(descending(f64::MAX) < descending(1.0));
        assert!(descending(f64::MIN_POSITIVE) < descending(0.0));
        assert!(descending(0.0) < descending(-f64::MIN_POSITIVE));
    }
}
