//! Putting a pipeline together, and refusing one that would not work.

use std::sync::Arc;

use crate::budget::Budgets;
use crate::component::{Meta, Slot};
use crate::erased::{Erased, ErasedFiller, ErasedQueryHydrator, ErasedScorer};
use crate::error::BuildError;
use crate::metrics::{ComponentMetrics, RequestMetrics};
use crate::pipeline::{Hydrators, Pipeline};
use crate::side_effects::{EffectSlot, Tracker};
use crate::stage::Stage;
use crate::stages::{Filter, Hydrator, QueryHydrator, Scorer, Selector, SideEffect, Source};
use crate::waves::{self, Node};

/// Side effects of one pipeline under way at a time, unless the builder is told otherwise: far above what a healthy
/// process has, low enough that a store that hangs cannot fill the memory with copies of responses.
const SIDE_EFFECTS_IN_FLIGHT: usize = 1_024;

type Named<T> = (&'static str, Box<T>);

/// Shared, since it continues after its request.
type NamedEffect<Q, C> = (&'static str, Arc<dyn SideEffect<Q, C>>);

struct NamedHydrator<Q, C> {
    node: Node,
    component: Box<dyn ErasedFiller<Q, C>>,
}

/// A pipeline being put together. Components of one stage run, or are merged, in the order in which they are added.
#[must_use = "a pipeline exists only once it is built"]
pub struct PipelineBuilder<Q, C> {
    name: &'static str,
    query_hydrators: Vec<Named<dyn ErasedQueryHydrator<Q>>>,
    sources: Vec<Named<dyn Source<Q, C>>>,
    hydrators: Vec<NamedHydrator<Q, C>>,
    filters: Vec<Named<dyn Filter<Q, C>>>,
    scorers: Vec<Named<dyn ErasedFiller<Q, C>>>,
    selectors: Vec<Named<dyn Selector<Q, C>>>,
    post_hydrators: Vec<NamedHydrator<Q, C>>,
    post_filters: Vec<Named<dyn Filter<Q, C>>>,
    side_effects: Vec<NamedEffect<Q, C>>,
    budgets: Budgets,
    side_effects_in_flight: usize,
}

impl<Q, C> Pipeline<Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    /// A pipeline to put together. The name stands in its metrics and its log lines.
    pub fn builder(name: &'static str) -> PipelineBuilder<Q, C> {
        PipelineBuilder::new(name)
    }
}

impl<Q, C> PipelineBuilder<Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    fn new(name: &'static str) -> Self {
        Self {
            name,
            query_hydrators: Vec::new(),
            sources: Vec::new(),
            hydrators: Vec::new(),
            filters: Vec::new(),
            scorers: Vec::new(),
            selectors: Vec::new(),
            post_hydrators: Vec::new(),
            post_filters: Vec::new(),
            side_effects: Vec::new(),
            budgets: Budgets::default(),
            side_effects_in_flight: SIDE_EFFECTS_IN_FLIGHT,
        }
    }

    /// Adds to stage 1.
    pub fn query_hydrator(mut self, component: impl QueryHydrator<Q> + 'static) -> Self {
        self.query_hydrators.push((component.name(), Box::new(Erased(component))));
        self
    }

    /// Adds to stage 2.
    pub fn source(mut self, component: impl Source<Q, C> + 'static) -> Self {
        self.sources.push((component.name(), Box::new(component)));
        self
    }

    /// Adds to stage 3.
    pub fn hydrator(mut self, component: impl Hydrator<Q, C> + 'static) -> Self {
        self.hydrators.push(named(component));
        self
    }

    /// Adds to stage 4.
    pub fn filter(mut self, component: impl Filter<Q, C> + 'static) -> Self {
        self.filters.push((component.name(), Box::new(component)));
        self
    }

    /// Adds to stage 5.
    pub fn scorer(mut self, component: impl Scorer<Q, C> + 'static) -> Self {
        self.scorers.push((component.name(), Box::new(ErasedScorer(component))));
        self
    }

    /// Sets stage 6. There is exactly one.
    pub fn selector(mut self, component: impl Selector<Q, C> + 'static) -> Self {
        self.selectors.push((component.name(), Box::new(component)));
        self
    }

    /// Adds to stage 7.
    pub fn post_selection_hydrator(mut self, component: impl Hydrator<Q, C> + 'static) -> Self {
        self.post_hydrators.push(named(component));
        self
    }

    /// Adds to stage 8.
    pub fn post_selection_filter(mut self, component: impl Filter<Q, C> + 'static) -> Self {
        self.post_filters.push((component.name(), Box::new(component)));
        self
    }

    /// Adds to stage 9.
    pub fn side_effect(mut self, component: impl SideEffect<Q, C> + 'static) -> Self {
        self.side_effects.push((component.name(), Arc::new(component)));
        self
    }

    /// Sets how the request's time is shared out.
    pub fn budgets(mut self, budgets: Budgets) -> Self {
        self.budgets = budgets;
        self
    }

    /// Sets how many side effects may be under way at a time (1,024 by default). One more is not started and recorded as
    /// failed.
    pub fn side_effects_in_flight(mut self, limit: usize) -> Self {
        self.side_effects_in_flight = limit;
        self
    }

    /// The pipeline, or what is wrong with it.
    pub fn build(mut self) -> Result<Pipeline<Q, C>, BuildError> {
        let pipeline = self.name;
        if self.sources.is_empty() {
            return Err(BuildError::NoSource { pipeline });
        }
        if let [(first, _), (second, _), ..] = self.selectors[..] {
            return Err(BuildError::SecondSelector { pipeline, first, second });
        }
        let components = self.components();
        check_names(pipeline, &components)?;
        if let Some(name) = self.budgets.caps.keys().find(|name| components.iter().all(|(_, other)| other != name)) {
            return Err(BuildError::UnknownBudget { pipeline, name: name.clone() });
        }
        let Some(selector) = self.selectors.pop() else { return Err(BuildError::NoSelector { pipeline }) };

        let earlier: Vec<_> = self.hydrators.iter().map(|h| h.node.name).collect();
        let meta = |stage, name| meta(pipeline, &self.budgets, stage, name);
        Ok(Pipeline {
            name: pipeline,
            query_hydrators: slots(self.query_hydrators, Stage::QueryHydrator, meta),
            sources: slots(self.sources, Stage::Source, meta),
            hydrators: hydrators(pipeline, self.hydrators, &[], Stage::Hydrator, meta)?,
            filters: slots(self.filters, Stage::Filter, meta),
            scorers: slots(self.scorers, Stage::Scorer, meta),
            selector: Slot { meta: meta(Stage::Selector, selector.0), component: selector.1 },
            post_hydrators: hydrators(pipeline, self.post_hydrators, &earlier, Stage::PostSelectionHydrator, meta)?,
            post_filters: slots(self.post_filters, Stage::PostSelectionFilter, meta),
            side_effects: self
                .side_effects
                .into_iter()
                .map(|(name, component)| EffectSlot { meta: Arc::new(meta(Stage::SideEffect, name)), component })
                .collect(),
            tracker: Arc::new(Tracker::new(self.side_effects_in_flight)),
            request: self.budgets.request,
            metrics: RequestMetrics::new(pipeline),
            components,
        })
    }

    /// All components in pipeline order.
    fn components(&self) -> Vec<(Stage, &'static str)> {
        fn of<'a, T>(stage: Stage, list: &'a [(&'static str, T)]) -> impl Iterator<Item = (Stage, &'static str)> + 'a {
            list.iter().map(move |(name, _)| (stage, *name))
        }
        of(Stage::QueryHydrator, &self.query_hydrators)
            .chain(of(Stage::Source, &self.sources))
            .chain(self.hydrators.iter().map(|h| (Stage::Hydrator, h.node.name)))
            .chain(of(Stage::Filter, &self.filters))
            .chain(of(Stage::Scorer, &self.scorers))
            .chain(of(Stage::Selector, &self.selectors))
            .chain(self.post_hydrators.iter().map(|h| (Stage::PostSelectionHydrator, h.node.name)))
            .chain(of(Stage::PostSelectionFilter, &self.post_filters))
            .chain(of(Stage::SideEffect, &self.side_effects))
            .collect()
    }
}

fn named<Q, C, H>(component: H) -> NamedHydrator<Q, C>
where
    Q: Sync + 'static,
    C: Sync + 'static,
    H: Hydrator<Q, C> + 'static,
{
    let node = Node { name: component.name(), needs: component.needs() };
    NamedHydrator { node, component: Box::new(Erased(component)) }
}

fn meta(pipeline: &'static str, budgets: &Budgets, stage: Stage, name: &'static str) -> Meta {
    let cap = match stage {
        Stage::SideEffect => Some(budgets.side_effect_cap_of(name)),
        _ => budgets.cap_of(name),
    };
    Meta { name, stage, cap, metrics: ComponentMetrics::new(pipeline, stage, name) }
}

fn slots<T: ?Sized>(list: Vec<Named<T>>, stage: Stage, meta: impl Fn(Stage, &'static str) -> Meta) -> Vec<Slot<T>> {
    list.into_iter().map(|(name, component)| Slot { meta: meta(stage, name), component }).collect()
}

fn hydrators<Q, C>(
    pipeline: &'static str,
    list: Vec<NamedHydrator<Q, C>>,
    earlier: &[&'static str],
    stage: Stage,
    meta: impl Fn(Stage, &'static str) -> Meta,
) -> Result<Hydrators<Q, C>, BuildError> {
    let nodes: Vec<Node> = list.iter().map(|h| h.node).collect();
    let waves = waves::plan(pipeline, &nodes, earlier)?;
    let slots = list.into_iter().map(|h| Slot { meta: meta(stage, h.node.name), component: h.component }).collect();
    Ok(Hydrators { slots, waves })
}

fn check_names(pipeline: &'static str, components: &[(Stage, &'static str)]) -> Result<(), BuildError> {
    for (i, &(second, name)) in components.iter().enumerate() {
        if name.is_empty() {
            return Err(BuildError::EmptyName { pipeline, stage: second });
        }
        if let Some(&(first, _)) = components[..i].iter().find(|(_, other)| *other == name) {
            return Err(BuildError::DuplicateName { pipeline, name, first, second });
        }
    }
    Ok(())
}
