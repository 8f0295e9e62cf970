//! A component under test, and the wrapper that makes it fail.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::{
    Budget, Filter, FilterPolicy, Hydrator, KeepMask, PipelineBuilder, QueryHydrator, Scorer, Selector, SideEffect,
    SideEffectInput, Source, Stage, StageError,
};

/// What the wrapper does instead of asking the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Asks it.
    None,
    Error,
    Panic,
    Hang,
}

/// The words of an injected error.
pub(super) const INJECTED: &str = "injected";

/// A component in a wrapper.
struct Probe<T> {
    inner: Arc<T>,
    fault: Fault,
    calls: Arc<AtomicUsize>,
}

impl<T> Probe<T> {
    /// Counts a call, and fails it where told to.
    fn enter(&self) -> Result<(), StageError> {
        self.calls.fetch_add(1, Ordering::AcqRel);
        match self.fault {
            Fault::Error => Err(StageError::failed(INJECTED)),
            Fault::Panic => std::panic::panic_any(INJECTED),
            Fault::Hang | Fault::None => Ok(()),
        }
    }

    async fn enter_waiting(&self) -> Result<(), StageError> {
        self.enter()?;
        if self.fault == Fault::Hang {
            pending::<()>().await;
        }
        Ok(())
    }
}

#[async_trait]
impl<Q: Send + Sync, T: QueryHydrator<Q>> QueryHydrator<Q> for Probe<T> {
    type Fields = T::Fields;
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn enable(&self, query: &Q) -> bool {
        self.inner.enable(query)
    }
    async fn hydrate(&self, query: &Q, budget: &Budget) -> Result<T::Fields, StageError> {
        self.enter_waiting().await?;
        self.inner.hydrate(query, budget).await
    }
    fn update(&self, query: &mut Q, fields: T::Fields) {
        self.inner.update(query, fields);
    }
}

#[async_trait]
impl<Q: Send + Sync, C: Send + Sync, T: Source<Q, C>> Source<Q, C> for Probe<T> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn enable(&self, query: &Q) -> bool {
        self.inner.enable(query)
    }
    async fn get_candidates(&self, query: &Q, budget: &Budget) -> Result<Vec<C>, StageError> {
        self.enter_waiting().await?;
        self.inner.get_candidates(query, budget).await
    }
}

#[async_trait]
impl<Q: Send + Sync, C: Send + Sync, T: Hydrator<Q, C>> Hydrator<Q, C> for Probe<T> {
    type Fields = T::Fields;
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn needs(&self) -> &'static [&'static str] {
        self.inner.needs()
    }
    fn enable(&self, query: &Q) -> bool {
        self.inner.enable(query)
    }
    async fn hydrate(
        &self,
        query: &Q,
        candidates: &[C],
        budget: &Budget,
    ) -> Result<Vec<Result<T::Fields, StageError>>, StageError> {
        self.enter_waiting().await?;
        self.inner.hydrate(query, candidates, budget).await
    }
    fn update(&self, candidate: &mut C, fields: T::Fields) {
        self.inner.update(candidate, fields);
    }
}

impl<Q, C, T: Filter<Q, C>> Filter<Q, C> for Probe<T> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn enable(&self, query: &Q) -> bool {
        self.inner.enable(query)
    }
    fn policy(&self) -> FilterPolicy {
        self.inner.policy()
    }
    fn policy_for(&self, query: &Q, candidate: &C) -> FilterPolicy {
        self.inner.policy_for(query, candidate)
    }
    fn filter(&self, query: &Q, candidates: &[C], keep: &mut KeepMask, budget: &Budget) -> Result<(), StageError> {
        self.enter()?;
        if self.fault == Fault::Hang {
            // A filter does not wait: it looks at its budget.
            return Err(StageError::DeadlineExceeded);
        }
        self.inner.filter(query, candidates, keep, budget)
    }
}

#[async_trait]
impl<Q: Send + Sync, C: Send + Sync, T: Scorer<Q, C>> Scorer<Q, C> for Probe<T> {
    type Fields = T::Fields;
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn enable(&self, query: &Q) -> bool {
        self.inner.enable(query)
    }
    async fn score(&self, query: &Q, candidates: &[C], budget: &Budget) -> Result<Vec<T::Fields>, StageError> {
        self.enter_waiting().await?;
        self.inner.score(query, candidates, budget).await
    }
    fn update(&self, candidate: &mut C, fields: T::Fields) {
        self.inner.update(candidate, fields);
    }
}

impl<Q, C, T: Selector<Q, C>> Selector<Q, C> for Probe<T> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn enable(&self, query: &Q) -> bool {
        self.inner.enable(query)
    }
    fn score(&self, candidate: &C) -> f64 {
        if self.fault == Fault::Panic {
            std::panic::panic_any(INJECTED);
        }
        self.inner.score(candidate)
    }
    fn id(&self, candidate: &C) -> u64 {
        self.inner.id(candidate)
    }
    fn tie_break(&self, query: &Q, candidate: &C) -> u128 {
        self.inner.tie_break(query, candidate)
    }
    fn size(&self, query: &Q) -> usize {
        self.calls.fetch_add(1, Ordering::AcqRel);
        self.inner.size(query)
    }
    fn result_size(&self, query: &Q) -> usize {
        self.inner.result_size(query)
    }
}

#[async_trait]
impl<Q: Send + Sync + 'static, C: Send + Sync + 'static, T: SideEffect<Q, C>> SideEffect<Q, C> for Probe<T> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn enable(&self, query: &Q) -> bool {
        self.inner.enable(query)
    }
    async fn run(&self, input: Arc<SideEffectInput<Q, C>>) -> Result<(), StageError> {
        self.enter_waiting().await?;
        self.inner.run(input).await
    }
}

type Install<Q, C> = Box<dyn Fn(PipelineBuilder<Q, C>, Fault, Arc<AtomicUsize>) -> PipelineBuilder<Q, C>>;

/// Adds a component to a pipeline.
type Add<Q, C, T> = fn(PipelineBuilder<Q, C>, Probe<T>) -> PipelineBuilder<Q, C>;

/// A component under test.
pub struct Subject<Q, C> {
    pub(super) stage: Stage,
    pub(super) name: Box<dyn Fn() -> &'static str>,
    pub(super) needs: &'static [&'static str],
    /// What its policy says of a candidate; of a filter.
    pub(super) policy: Option<PolicyOf<Q, C>>,
    /// Its score and result size; of a selector.
    pub(super) selector: Option<Arc<dyn Selector<Q, C>>>,
    pub(super) broken_by: Option<Box<dyn Fn()>>,
    pub(super) install: Install<Q, C>,
}

type PolicyOf<Q, C> = Box<dyn Fn(&Q, &C) -> FilterPolicy>;

impl<Q, C> Subject<Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    fn new<T>(stage: Stage, component: T, name: fn(&T) -> &'static str, add: Add<Q, C, T>) -> (Arc<T>, Self)
    where
        T: Send + Sync + 'static,
    {
        let inner = Arc::new(component);
        let (named, installed) = (Arc::clone(&inner), Arc::clone(&inner));
        let subject = Self {
            stage,
            name: Box::new(move || name(&named)),
            needs: &[],
            policy: None,
            selector: None,
            broken_by: None,
            install: Box::new(move |builder, fault, calls| {
                add(builder, Probe { inner: Arc::clone(&installed), fault, calls })
            }),
        };
        (inner, subject)
    }

    /// A component of stage 1.
    pub fn query_hydrator<T: QueryHydrator<Q> + 'static>(component: T) -> Self {
        Self::new(Stage::QueryHydrator, component, T::name, PipelineBuilder::query_hydrator).1
    }

    /// A component of stage 2.
    pub fn source<T: Source<Q, C> + 'static>(component: T) -> Self {
        Self::new(Stage::Source, component, T::name, PipelineBuilder::source).1
    }

    /// A component of stage 3 or 7.
    pub fn hydrator<T: Hydrator<Q, C> + 'static>(component: T) -> Self {
        let (inner, subject) = Self::new(Stage::Hydrator, component, T::name, PipelineBuilder::hydrator);
        Self { needs: inner.needs(), ..subject }
    }

    /// A component of stage 4 or 8.
    pub fn filter<T: Filter<Q, C> + 'static>(component: T) -> Self {
        let (inner, subject) = Self::new(Stage::Filter, component, T::name, PipelineBuilder::filter);
        Self { policy: Some(Box::new(move |query, candidate| inner.policy_for(query, candidate))), ..subject }
    }

    /// A component of stage 5.
    pub fn scorer<T: Scorer<Q, C> + 'static>(component: T) -> Self {
        Self::new(Stage::Scorer, component, T::name, PipelineBuilder::scorer).1
    }

    /// A component of stage 6.
    pub fn selector<T: Selector<Q, C> + 'static>(component: T) -> Self {
        let (inner, subject) = Self::new(Stage::Selector, component, T::name, PipelineBuilder::selector);
        Self { selector: Some(inner), ..subject }
    }

    /// A component of stage 9.
    pub fn side_effect<T: SideEffect<Q, C> + 'static>(component: T) -> Self {
        Self::new(Stage::SideEffect, component, T::name, PipelineBuilder::side_effect).1
    }

    /// Says how to make what the component asks fail. It is done last, and not undone.
    #[must_use]
    pub fn broken_by(mut self, break_it: impl Fn() + 'static) -> Self {
        self.broken_by = Some(Box::new(break_it));
        self
    }

    /// The component's name.
    pub fn name(&self) -> &'static str {
        (self.name)()
    }
}
