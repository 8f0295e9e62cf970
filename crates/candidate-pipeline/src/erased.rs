//! Stage traits without their associated `Fields`, so that components of one stage can stand in one list.
//!
//! Fetching and merging are two steps, because hydrators fetch in parallel from one immutable slice: a fetch ends in a boxed
//! closure that holds the fields and knows how to merge them.

use std::iter::zip;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::budget::Budget;
use crate::error::StageError;
use crate::guard::caught_each;
use crate::report::MergeOutcome;
use crate::stages::{Hydrator, QueryHydrator, Scorer};
use crate::trace::{HydrationFailure, TraceView};

/// Merges a query hydrator's fields.
pub(crate) type QueryMerge<'p, Q> = Box<dyn FnOnce(&mut Q) + Send + 'p>;

/// Merges a hydrator's or scorer's results into the candidates it was asked about; a panic on one candidate is a failure on
/// that candidate.
pub(crate) type Merge<'p, C> = Box<dyn FnOnce(&mut [C], Option<TraceView<'_>>) -> MergeOutcome + Send + 'p>;

/// A query hydrator or hydrator behind its erased trait.
pub(crate) struct Erased<T>(pub(crate) T);

/// A scorer behind the erased trait.
pub(crate) struct ErasedScorer<T>(pub(crate) T);

pub(crate) trait ErasedQueryHydrator<Q>: Send + Sync {
    fn enable(&self, query: &Q) -> bool;
    fn fetch<'p: 'c, 'c>(
        &'p self,
        query: &'c Q,
        budget: Budget,
    ) -> BoxFuture<'c, Result<QueryMerge<'p, Q>, StageError>>;
}

/// A hydrator or a scorer: what fills each candidate.
pub(crate) trait ErasedFiller<Q, C>: Send + Sync {
    fn enable(&self, query: &Q) -> bool;
    fn fetch<'p: 'c, 'c>(
        &'p self,
        query: &'c Q,
        candidates: &'c [C],
        budget: Budget,
    ) -> BoxFuture<'c, Result<Merge<'p, C>, StageError>>;
}

impl<Q: Sync, T: QueryHydrator<Q>> ErasedQueryHydrator<Q> for Erased<T> {
    fn enable(&self, query: &Q) -> bool {
        self.0.enable(query)
    }

    fn fetch<'p: 'c, 'c>(
        &'p self,
        query: &'c Q,
        budget: Budget,
    ) -> BoxFuture<'c, Result<QueryMerge<'p, Q>, StageError>> {
        async move {
            let fields = self.0.hydrate(query, &budget).await?;
            let merge: QueryMerge<'p, Q> = Box::new(move |query| self.0.update(query, fields));
            Ok(merge)
        }
        .boxed()
    }
}

impl<Q: Sync, C: Sync, T: Hydrator<Q, C>> ErasedFiller<Q, C> for Erased<T> {
    fn enable(&self, query: &Q) -> bool {
        self.0.enable(query)
    }

    fn fetch<'p: 'c, 'c>(
        &'p self,
        query: &'c Q,
        candidates: &'c [C],
        budget: Budget,
    ) -> BoxFuture<'c, Result<Merge<'p, C>, StageError>> {
        async move {
            let results = self.0.hydrate(query, candidates, &budget).await?;
            same_length(candidates.len(), results.len())?;
            let merge: Merge<'p, C> = Box::new(move |candidates, trace| {
                merge_each(self.0.name(), candidates, results.into_iter(), trace, |c, fields| self.0.update(c, fields))
            });
            Ok(merge)
        }
        .boxed()
    }
}

impl<Q: Sync, C: Sync, T: Scorer<Q, C>> ErasedFiller<Q, C> for ErasedScorer<T> {
    fn enable(&self, query: &Q) -> bool {
        self.0.enable(query)
    }

    fn fetch<'p: 'c, 'c>(
        &'p self,
        query: &'c Q,
        candidates: &'c [C],
        budget: Budget,
    ) -> BoxFuture<'c, Result<Merge<'p, C>, StageError>> {
        async move {
            let results = self.0.score(query, candidates, &budget).await?;
            same_length(candidates.len(), results.len())?;
            let merge: Merge<'p, C> = Box::new(move |candidates, _| {
                merge_each(self.0.name(), candidates, results.into_iter().map(Ok), None, |c, fields| {
                    self.0.update(c, fields);
                })
            });
            Ok(merge)
        }
        .boxed()
    }
}

fn same_length(expected: usize, got: usize) -> Result<(), StageError> {
    if expected == got { Ok(()) } else { Err(StageError::WrongLength { expected, got }) }
}

fn merge_each<C, F>(
    name: &'static str,
    candidates: &mut [C],
    results: impl Iterator<Item = Result<F, StageError>>,
    mut trace: Option<TraceView<'_>>,
    update: impl Fn(&mut C, F),
) -> MergeOutcome {
    let mut failures: Vec<(usize, StageError)> = Vec::new();
    let mut panics: Vec<(usize, StageError)> = Vec::new();
    caught_each(
        zip(candidates, results),
        |i, (candidate, result)| match result {
            Ok(fields) => {
                update(candidate, fields);
                if let Some(trace) = &mut trace {
                    trace.at(i).hydrated.push(name);
                }
            }
            Err(error) => failures.push((i, error)),
        },
        |i, error| panics.push((i, error)),
    );
    failures.append(&mut panics);
    failures.sort_by_key(|(i, _)| *i);
    let mut outcome = MergeOutcome::default();
    for (i, error) in failures {
        if let Some(trace) = &mut trace {
            trace.at(i).failed.push(HydrationFailure { hydrator: name, error: error.clone() });
        }
        outcome.failed(error);
    }
    outcome
}
