//! Stages 1, 2, 3 and 7: components that run in parallel.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::budget::Budget;
use crate::component::Meta;
use crate::error::StageError;
use crate::guard::{caught, guarded};
use crate::pipeline::{Hydrators, Pipeline};
use crate::pool::Pool;
use crate::report::Report;
use crate::trace::{CandidateTrace, HydrationFailure, TraceView};

/// What one of several parallel components came to.
struct Fetched<'p, T> {
    meta: &'p Meta,
    elapsed: Duration,
    /// Whether its budget was over when it ended.
    late: bool,
    result: Result<T, StageError>,
}

/// Runs one component to its end, its budget's end or its panic. `start` is called inside, since a component may panic
/// before it gives a future.
async fn fetch<T, F: Future<Output = Result<T, StageError>>>(
    meta: &Meta,
    request: Budget,
    start: impl FnOnce(Budget) -> F,
) -> Fetched<'_, T> {
    let started = Instant::now();
    let budget = meta.budget(request);
    let result = guarded(budget, async { start(budget).await }).await;
    Fetched { meta, elapsed: started.elapsed(), late: budget.is_spent(), result }
}

impl<Q, C> Pipeline<Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    /// Stage 1. All hydrators see the query as it came; their fields are merged in list order.
    pub(super) async fn hydrate_query(&self, mut query: Q, budget: Budget, report: &mut Report) -> Q {
        let mut running = Vec::with_capacity(self.query_hydrators.len());
        for slot in &self.query_hydrators {
            if report.enabled(&slot.meta, || slot.component.enable(&query)) == Ok(true) {
                let query = &query;
                running.push(fetch(&slot.meta, budget, move |budget| slot.component.fetch(query, budget)));
            }
        }
        let fetched = join_all(running).await;
        for Fetched { meta, elapsed, late, result } in fetched {
            report.ran(meta, elapsed, 0, 0);
            if let Err(error) = result.and_then(|merge| caught(|| merge(&mut query))) {
                report.failed(meta, &error);
            } else {
                report.ended(meta, late);
            }
        }
        query
    }

    /// Stage 2. Outputs are concatenated in list order.
    pub(super) async fn fetch_candidates(&self, query: &Q, budget: Budget, report: &mut Report) -> Pool<C> {
        let mut running = Vec::with_capacity(self.sources.len());
        for slot in &self.sources {
            if report.enabled(&slot.meta, || slot.component.enable(query)) == Ok(true) {
                running.push(fetch(&slot.meta, budget, move |budget| async move {
                    slot.component.get_candidates(query, &budget).await
                }));
            }
        }
        let fetched = join_all(running).await;
        let total = fetched.iter().map(|f| f.result.as_ref().map_or(0, Vec::len)).sum();
        let mut candidates = Vec::new();
        for Fetched { meta, elapsed, late, result } in fetched {
            report.ran(meta, elapsed, 0, result.as_ref().map_or(0, Vec::len));
            match result {
                Ok(given) => {
                    report.ended(meta, late);
                    self.trace_source(meta, &given, candidates.len(), report);
                    append(&mut candidates, given, total);
                }
                Err(error) => report.failed(meta, &error),
            }
        }
        Pool::new(candidates, report.trace.is_some())
    }

    fn trace_source(&self, meta: &Meta, given: &[C], offset: usize, report: &mut Report) {
        if let Some(trace) = &mut report.trace {
            let (hydrators, scorers) = (self.hydrators.slots.len(), self.scorers.len());
            trace.candidates.extend(given.iter().enumerate().map(|(i, candidate)| {
                let id = caught(|| self.selector.component.id(candidate)).unwrap_or_default();
                CandidateTrace::new(offset + i, id, meta.name, hydrators, scorers)
            }));
        }
    }
}

/// Appends a source's output. The first one becomes the list itself, and grows once for all that follow.
fn append<C>(candidates: &mut Vec<C>, mut given: Vec<C>, total: usize) {
    if candidates.is_empty() {
        *candidates = given;
    } else {
        candidates.reserve_exact(total - candidates.len());
        candidates.append(&mut given);
    }
}

/// Stages 3 and 7: each wave in parallel on the same slice, merged in list order.
pub(super) async fn hydrate<Q: Sync, C: Sync>(
    hydrators: &Hydrators<Q, C>,
    query: &Q,
    pool: &mut Pool<C>,
    budget: Budget,
    report: &mut Report,
) {
    if pool.is_empty() {
        return;
    }
    let asked = pool.len();
    for wave in &hydrators.waves {
        let mut running = Vec::with_capacity(wave.len());
        for &i in wave {
            let slot = &hydrators.slots[i];
            if report.enabled(&slot.meta, || slot.component.enable(query)) == Ok(true) {
                let candidates = &pool.candidates[..];
                running.push(fetch(&slot.meta, budget, move |budget| slot.component.fetch(query, candidates, budget)));
            }
        }
        let fetched = join_all(running).await;
        for Fetched { meta, elapsed, result, .. } in fetched {
            let mut filled = 0;
            match result {
                Ok(merge) => {
                    let Pool { candidates, origins } = &mut *pool;
                    let traced = report.trace.as_mut().zip(origins.as_deref());
                    let view = traced.map(|(trace, origins)| TraceView { trace, origins });
                    let outcome = merge(candidates, view);
                    filled = asked - outcome.failed;
                    report.failed_on(meta, &outcome, asked);
                }
                Err(error) => {
                    report.failed(meta, &error);
                    if let Some(mut view) = pool.view(report.trace.as_mut()) {
                        for position in 0..asked {
                            let failure = HydrationFailure { hydrator: meta.name, error: error.clone() };
                            view.at(position).failed.push(failure);
                        }
                    }
                }
            }
            report.ran(meta, elapsed, asked, filled);
        }
    }
}
