//! Components made of closures, and the query and candidate they work on.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use candidate_pipeline::{
    Budget, ExecuteOptions, Execution, Filter, FilterPolicy, Hydrator, KeepMask, Pipeline, PipelineBuilder,
    QueryHydrator, Scorer, Selector, SideEffect, SideEffectInput, Source, StageError,
};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Query {
    pub(crate) viewer: u64,
    /// Names of the query hydrators that were merged, with what they saw of this list when they ran.
    pub(crate) hydrated: Vec<(&'static str, usize)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Item {
    pub(crate) id: u64,
    pub(crate) score: f64,
    /// What each hydrator filled, in the order of merging.
    pub(crate) fields: Vec<(&'static str, i64)>,
}

impl Item {
    pub(crate) fn field(&self, hydrator: &str) -> Option<i64> {
        self.fields.iter().find(|(name, _)| *name == hydrator).map(|(_, value)| *value)
    }
}

pub(crate) fn item(id: u64, score: f64) -> Item {
    Item { id, score, fields: Vec::new() }
}

/// Items with these ids, each scored so that they rank in this order.
pub(crate) fn ranked(ids: impl IntoIterator<Item = u64>) -> Vec<Item> {
    ids.into_iter().enumerate().map(|(i, id)| item(id, 1_000.0 - i as f64)).collect()
}

pub(crate) fn ids(items: &[Item]) -> Vec<u64> {
    items.iter().map(|item| item.id).collect()
}

pub(crate) fn boom() -> StageError {
    StageError::failed("boom")
}

/// What a component that may wait does.
#[derive(Clone)]
pub(crate) enum Act<T> {
    Give(T),
    After(Duration, T),
    Never,
    Fail,
    Panic,
}

impl<T: Clone> Act<T> {
    pub(crate) async fn play(&self) -> Result<T, StageError> {
        match self {
            Self::Give(value) => Ok(value.clone()),
            Self::After(time, value) => {
                tokio::time::sleep(*time).await;
                Ok(value.clone())
            }
            Self::Never => pending().await,
            Self::Fail => Err(boom()),
            Self::Panic => panic!("act"),
        }
    }
}

pub(crate) struct Complete(pub(crate) &'static str, pub(crate) Act<()>);

#[async_trait]
impl QueryHydrator<Query> for Complete {
    type Fields = usize;
    fn name(&self) -> &'static str {
        self.0
    }
    async fn hydrate(&self, query: &Query, _: &Budget) -> Result<usize, StageError> {
        self.1.play().await?;
        Ok(query.hydrated.len())
    }
    fn update(&self, query: &mut Query, seen: usize) {
        query.hydrated.push((self.0, seen));
    }
}

pub(crate) struct Give(pub(crate) &'static str, pub(crate) Act<Vec<Item>>);

#[async_trait]
impl Source<Query, Item> for Give {
    fn name(&self) -> &'static str {
        self.0
    }
    async fn get_candidates(&self, _: &Query, _: &Budget) -> Result<Vec<Item>, StageError> {
        self.1.play().await
    }
}

type FillWith = Box<dyn Fn(&[Item]) -> Result<Vec<Result<i64, StageError>>, StageError> + Send + Sync>;

pub(crate) struct Fill {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [&'static str],
    pub(crate) enabled: bool,
    pub(crate) wait: Act<()>,
    pub(crate) with: FillWith,
}

pub(crate) fn fill(
    name: &'static str,
    with: impl Fn(&[Item]) -> Result<Vec<Result<i64, StageError>>, StageError> + Send + Sync + 'static,
) -> Fill {
    Fill { name, needs: &[], enabled: true, wait: Act::Give(()), with: Box::new(with) }
}

/// Fills every candidate with a value.
pub(crate) fn fill_all(name: &'static str, value: i64) -> Fill {
    fill(name, move |items| Ok(items.iter().map(|_| Ok(value)).collect()))
}

impl Fill {
    pub(crate) fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }
    pub(crate) fn off(self) -> Self {
        Self { enabled: false, ..self }
    }
    pub(crate) fn wait(self, wait: Act<()>) -> Self {
        Self { wait, ..self }
    }
}

#[async_trait]
impl Hydrator<Query, Item> for Fill {
    type Fields = i64;
    fn name(&self) -> &'static str {
        self.name
    }
    fn needs(&self) -> &'static [&'static str] {
        self.needs
    }
    fn enable(&self, _: &Query) -> bool {
        self.enabled
    }
    async fn hydrate(&self, _: &Query, items: &[Item], _: &Budget) -> Result<Vec<Result<i64, StageError>>, StageError> {
        self.wait.play().await?;
        (self.with)(items)
    }
    fn update(&self, item: &mut Item, value: i64) {
        assert!(value != i64::MIN, "a value that cannot be merged");
        item.fields.push((self.name, value));
    }
}

type KeepBy = Box<dyn Fn(&[Item], &mut KeepMask, &Budget) -> Result<(), StageError> + Send + Sync>;
type PolicyBy = Box<dyn Fn(&Item) -> FilterPolicy + Send + Sync>;

pub(crate) struct Keep {
    name: &'static str,
    policy: FilterPolicy,
    policy_for: Option<PolicyBy>,
    by: KeepBy,
}

pub(crate) fn keep(
    name: &'static str,
    by: impl Fn(&[Item], &mut KeepMask, &Budget) -> Result<(), StageError> + Send + Sync + 'static,
) -> Keep {
    Keep { name, policy: FilterPolicy::FailOpen, policy_for: None, by: Box::new(by) }
}

/// Removes the items for which the closure gives a reason.
pub(crate) fn remove_if(
    name: &'static str,
    goes: impl Fn(&Item) -> Option<&'static str> + Send + Sync + 'static,
) -> Keep {
    keep(name, move |items, mask, _| {
        for (i, item) in items.iter().enumerate() {
            if let Some(reason) = goes(item) {
                mask.remove_because(i, || reason.to_owned());
            }
        }
        Ok(())
    })
}

impl Keep {
    pub(crate) fn closed(self) -> Self {
        Self { policy: FilterPolicy::FailClosed, ..self }
    }
    pub(crate) fn policy_for(self, by: impl Fn(&Item) -> FilterPolicy + Send + Sync + 'static) -> Self {
        Self { policy_for: Some(Box::new(by)), ..self }
    }
}

impl Filter<Query, Item> for Keep {
    fn name(&self) -> &'static str {
        self.name
    }
    fn policy(&self) -> FilterPolicy {
        self.policy
    }
    fn policy_for(&self, _: &Query, item: &Item) -> FilterPolicy {
        self.policy_for.as_ref().map_or(self.policy, |by| by(item))
    }
    fn filter(&self, _: &Query, items: &[Item], mask: &mut KeepMask, budget: &Budget) -> Result<(), StageError> {
        (self.by)(items, mask, budget)
    }
}

type ScoreBy = Box<dyn Fn(&[Item], &Budget) -> Result<Vec<f64>, StageError> + Send + Sync>;

pub(crate) struct ScoreWith(pub(crate) &'static str, pub(crate) ScoreBy);

pub(crate) fn score(
    name: &'static str,
    by: impl Fn(&[Item], &Budget) -> Result<Vec<f64>, StageError> + Send + Sync + 'static,
) -> ScoreWith {
    ScoreWith(name, Box::new(by))
}

/// Scores each item alone.
pub(crate) fn score_each(name: &'static str, by: impl Fn(&Item) -> f64 + Send + Sync + 'static) -> ScoreWith {
    score(name, move |items, _| Ok(items.iter().map(&by).collect()))
}

#[async_trait]
impl Scorer<Query, Item> for ScoreWith {
    type Fields = f64;
    fn name(&self) -> &'static str {
        self.0
    }
    async fn score(&self, _: &Query, items: &[Item], budget: &Budget) -> Result<Vec<f64>, StageError> {
        (self.1)(items, budget)
    }
    fn update(&self, item: &mut Item, score: f64) {
        item.score = score;
    }
}

/// The best `size` before and `result` after post-selection.
pub(crate) struct Top {
    pub(crate) size: usize,
    pub(crate) result: usize,
}

pub(crate) fn top(size: usize) -> Top {
    Top { size, result: size }
}

impl Selector<Query, Item> for Top {
    fn name(&self) -> &'static str {
        "top"
    }
    fn score(&self, item: &Item) -> f64 {
        item.score
    }
    fn id(&self, item: &Item) -> u64 {
        item.id
    }
    fn size(&self, _: &Query) -> usize {
        self.size
    }
    fn result_size(&self, _: &Query) -> usize {
        self.result
    }
}

type RunBy = Box<dyn Fn(&SideEffectInput<Query, Item>) + Send + Sync>;

pub(crate) struct Afterwards {
    pub(crate) name: &'static str,
    pub(crate) act: Act<()>,
    pub(crate) by: RunBy,
}

pub(crate) fn afterwards(name: &'static str, act: Act<()>) -> Afterwards {
    Afterwards { name, act, by: Box::new(|_| {}) }
}

#[async_trait]
impl SideEffect<Query, Item> for Afterwards {
    fn name(&self) -> &'static str {
        self.name
    }
    async fn run(&self, input: Arc<SideEffectInput<Query, Item>>) -> Result<(), StageError> {
        (self.by)(&input);
        self.act.play().await
    }
}

pub(crate) type Builder = PipelineBuilder<Query, Item>;

/// A pipeline with one source of these items and a selector of this size.
pub(crate) fn with_items(items: Vec<Item>, selector: Top) -> Builder {
    Pipeline::builder("test").source(Give("items", Act::Give(items))).selector(selector)
}

pub(crate) async fn explain(builder: Builder) -> Execution<Query, Item> {
    run(builder, ExecuteOptions::EXPLAIN).await
}

pub(crate) async fn run(builder: Builder, options: ExecuteOptions) -> Execution<Query, Item> {
    builder.build().expect("a valid pipeline").execute(Query::default(), options).await
}

/// How many candidates a filter removed; 0 for one that did not run.
pub(crate) fn removed_by(execution: &Execution<Query, Item>, filter: &str) -> usize {
    execution.removed.iter().filter(|r| r.filter == filter).map(|r| r.count).sum()
}

/// The degraded components with the reasons, as tests compare them.
pub(crate) fn degraded(execution: &Execution<Query, Item>) -> Vec<(&'static str, &str)> {
    execution.degraded.iter().map(|d| (d.component, d.reason.as_str())).collect()
}
