//! Stages 4 and 8: the only ones that remove candidates.

use std::time::Instant;

use super::{RemovedList, Run};
use crate::budget::Budget;
use crate::component::{Meta, Slot};
use crate::error::StageError;
use crate::execution::Removed;
use crate::guard::caught;
use crate::keep_mask::KeepMask;
use crate::pool::Pool;
use crate::report::Report;
use crate::stages::{Filter, FilterPolicy};
use crate::trace::Removal;

impl<C> Run<C> {
    /// Runs filters one after the other, each on what the ones before it left.
    ///
    /// The first `settled` candidates have passed all of these filters before (a refill shows them again together with the new
    /// ones): a filter may remove them now, but its failure does not.
    pub(super) fn filter<Q>(
        &mut self,
        slots: &[Slot<dyn Filter<Q, C>>],
        query: &Q,
        pool: &mut Pool<C>,
        mut settled: usize,
    ) {
        let Self { budget: request, report, removed, mask } = self;
        for slot in slots {
            let asked = pool.len();
            if asked == settled {
                return;
            }
            let Slot { meta, component } = slot;
            let started = Instant::now();
            let budget = meta.budget(*request);
            mask.reset(asked, report.trace.is_some());
            let failure = match report.enabled(meta, || component.enable(query)) {
                Ok(false) => continue,
                Ok(true) => run(component.as_ref(), query, &pool.candidates, mask, &budget).err(),
                Err(error) => Some(error),
            };
            if let Some(error) = &failure {
                report.failed(meta, error);
                if *error != StageError::DeadlineExceeded || mask.len() != asked {
                    mask.reset(asked, report.trace.is_some());
                }
                apply_policy(component.as_ref(), query, &pool.candidates, settled, mask, error);
            } else if budget.is_spent() {
                // It had a way to say that it stopped early, and did not: late, but complete.
                meta.metrics.missed_deadline();
            }
            settled = mask.flags()[..settled].iter().filter(|&&keep| keep).count();
            remove(meta, pool, mask, report, removed);
            report.ran(meta, started.elapsed(), asked, pool.len());
        }
    }
}

fn run<Q, C>(
    filter: &dyn Filter<Q, C>,
    query: &Q,
    candidates: &[C],
    mask: &mut KeepMask,
    budget: &Budget,
) -> Result<(), StageError> {
    caught(|| filter.filter(query, candidates, mask, budget))??;
    // A filter can put another mask in the place of the one it was given.
    if mask.len() == candidates.len() {
        Ok(())
    } else {
        Err(StageError::WrongLength { expected: candidates.len(), got: mask.len() })
    }
}

/// Removes the unsettled candidates for which the filter fails closed. A candidate whose policy is unknown is removed, too.
fn apply_policy<Q, C>(
    filter: &dyn Filter<Q, C>,
    query: &Q,
    candidates: &[C],
    settled: usize,
    mask: &mut KeepMask,
    error: &StageError,
) {
    for (i, candidate) in candidates.iter().enumerate().skip(settled) {
        let policy = caught(|| filter.policy_for(query, candidate)).unwrap_or(FilterPolicy::FailClosed);
        if policy == FilterPolicy::FailClosed {
            mask.remove_because(i, || format!("fails closed: {error}"));
        }
    }
}

fn remove<C>(meta: &Meta, pool: &mut Pool<C>, mask: &mut KeepMask, report: &mut Report, removed: &mut RemovedList<C>) {
    let at = removed.iter().position(|r| r.filter == meta.name).unwrap_or_else(|| {
        removed.push(Removed { stage: meta.stage, filter: meta.name, count: 0, candidates: Vec::new() });
        removed.len() - 1
    });
    if mask.removed() == 0 {
        return;
    }
    let entry = &mut removed[at];
    entry.count += mask.removed();
    let reasons = mask.take_reasons();
    if let Some(mut view) = pool.view(report.trace.as_mut()) {
        for (i, _) in mask.flags().iter().enumerate().filter(|(_, keep)| !**keep) {
            view.at(i).removed = Some(Removal { stage: meta.stage, filter: meta.name, reason: None });
        }
        for (i, reason) in reasons {
            if let Some(removal) = &mut view.at(i).removed {
                removal.reason = Some(reason);
            }
        }
        pool.compact_into(mask, &mut entry.candidates);
    } else {
        pool.compact(mask);
    }
}
