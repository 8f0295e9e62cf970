//! The traits a pipeline is made of, one per stage.

use std::sync::Arc;

use async_trait::async_trait;

use crate::budget::Budget;
use crate::error::StageError;
use crate::keep_mask::KeepMask;

/// Stage 1: completes the query before anything is fetched.
///
/// All query hydrators run in parallel on the *initial* query; their fields are merged in list order.
#[async_trait]
pub trait QueryHydrator<Q>: Send + Sync {
    /// What this hydrator fetches; merged by [`QueryHydrator::update`].
    type Fields: Send + 'static;
    /// Unique within its pipeline.
    fn name(&self) -> &'static str;
    /// Whether it takes part in this request.
    fn enable(&self, _query: &Q) -> bool {
        true
    }
    /// Fetches the fields.
    async fn hydrate(&self, query: &Q, budget: &Budget) -> Result<Self::Fields, StageError>;
    /// Merges the fields; touches only what this hydrator owns.
    fn update(&self, query: &mut Q, fields: Self::Fields);
}

/// Stage 2: gives candidates. All sources run in parallel; outputs are concatenated in list order.
#[async_trait]
pub trait Source<Q, C>: Send + Sync {
    /// Unique within its pipeline.
    fn name(&self) -> &'static str;
    /// Whether it takes part in this request.
    fn enable(&self, _query: &Q) -> bool {
        true
    }
    /// The candidates, best first.
    async fn get_candidates(&self, query: &Q, budget: &Budget) -> Result<Vec<C>, StageError>;
}

/// Stages 3 and 7: fills fields of candidates, never drops or reorders them.
#[async_trait]
pub trait Hydrator<Q, C>: Send + Sync {
    /// What this hydrator fetches for one candidate.
    type Fields: Send + 'static;
    /// Unique within its pipeline.
    fn name(&self) -> &'static str;
    /// Names of hydrators of the same stage whose fields this one reads. It runs in a later wave than they do.
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }
    /// Whether it takes part in this request.
    fn enable(&self, _query: &Q) -> bool {
        true
    }
    /// One result per candidate, same order and length. A candidate whose result is an error stays as it was.
    async fn hydrate(
        &self,
        query: &Q,
        candidates: &[C],
        budget: &Budget,
    ) -> Result<Vec<Result<Self::Fields, StageError>>, StageError>;
    /// Merges the fields of one candidate; touches only what this hydrator owns.
    fn update(&self, candidate: &mut C, fields: Self::Fields);
}

/// What happens to the candidates when a filter fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilterPolicy {
    /// All are kept.
    #[default]
    FailOpen,
    /// All are removed.
    FailClosed,
}

/// Stages 4 and 8: says which candidates stay. The only stage that removes any.
pub trait Filter<Q, C>: Send + Sync {
    /// Unique within its pipeline.
    fn name(&self) -> &'static str;
    /// Whether it takes part in this request.
    fn enable(&self, _query: &Q) -> bool {
        true
    }
    /// What an error means.
    fn policy(&self) -> FilterPolicy {
        FilterPolicy::FailOpen
    }
    /// As [`Filter::policy`], for one candidate: lets a filter fail closed for a part of the candidates only.
    fn policy_for(&self, _query: &Q, _candidate: &C) -> FilterPolicy {
        self.policy()
    }
    /// Calls `keep.remove(i)` or `keep.remove_because(i, reason)` for each candidate that must go; all others stay.
    ///
    /// On an error the policy decides on every candidate, whatever the mask says. The one exception is
    /// [`StageError::DeadlineExceeded`], by which a filter that asked its budget between tiles says that it did not get
    /// to the end: the removals it made stand, and the policy decides on the others.
    ///
    /// In a refill the filter of stage 8 is shown the candidates that passed it before, followed by the new ones, so that
    /// a filter that compares candidates with each other needs no memory of its own.
    fn filter(&self, query: &Q, candidates: &[C], keep: &mut KeepMask, budget: &Budget) -> Result<(), StageError>;
}

/// Stage 5: computes scores. Scorers run one after the other, each on what the ones before it left.
#[async_trait]
pub trait Scorer<Q, C>: Send + Sync {
    /// What this scorer computes for one candidate.
    type Fields: Send + 'static;
    /// Unique within its pipeline.
    fn name(&self) -> &'static str;
    /// Whether it takes part in this request.
    fn enable(&self, _query: &Q) -> bool {
        true
    }
    /// One result per candidate, same order and length.
    ///
    /// A scorer that stops because its budget is spent gives fields that leave the remaining candidates as they were; the
    /// executor reports every scorer that ends after its budget.
    async fn score(&self, query: &Q, candidates: &[C], budget: &Budget) -> Result<Vec<Self::Fields>, StageError>;
    /// Merges the fields of one candidate; touches only what this scorer owns.
    fn update(&self, candidate: &mut C, fields: Self::Fields);
}

/// Stage 6: what the executor needs to know to sort and truncate.
///
/// The executor sorts stably by [`Selector::score`] descending, ties by [`Selector::tie_break`] ascending; non-finite scores go to
/// the end and are counted.
pub trait Selector<Q, C>: Send + Sync {
    /// Unique within its pipeline.
    fn name(&self) -> &'static str;
    /// Whether it sorts in this request. A selector that is off leaves the candidates in the order they came and only
    /// truncates.
    fn enable(&self, _query: &Q) -> bool {
        true
    }
    /// The final score of a candidate.
    fn score(&self, candidate: &C) -> f64;
    /// The candidate's id, by which a trace is searched.
    fn id(&self, candidate: &C) -> u64;
    /// Which of two candidates with equal scores comes first: the one with the smaller number. The id, unless said otherwise.
    fn tie_break(&self, _query: &Q, candidate: &C) -> u128 {
        self.id(candidate).into()
    }
    /// K: how many are selected before post-selection.
    fn size(&self, query: &Q) -> usize;
    /// How many must survive post-selection; while fewer do, the next best non-selected are tried.
    fn result_size(&self, query: &Q) -> usize {
        self.size(query)
    }
}

/// What a side effect is given.
#[derive(Debug)]
pub struct SideEffectInput<Q, C> {
    /// The hydrated query.
    pub query: Arc<Q>,
    /// What the viewer gets, in order.
    pub selected: Arc<Vec<C>>,
    /// Scored candidates that the viewer does not get, in score order. Both lists are shared with the answer, not copied.
    pub non_selected: Arc<Vec<C>>,
}

/// Stage 9: runs detached, after the response is built. An error is recorded, never silent.
#[async_trait]
pub trait SideEffect<Q, C>: Send + Sync {
    /// Unique within its pipeline.
    fn name(&self) -> &'static str;
    /// Whether it takes part in this request.
    fn enable(&self, _query: &Q) -> bool {
        true
    }
    /// Does it.
    async fn run(&self, input: Arc<SideEffectInput<Q, C>>) -> Result<(), StageError>;
}
