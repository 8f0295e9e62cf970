//! What a request is asked with and what it gives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::budget;
use crate::stage::Stage;
use crate::trace::Trace;

/// How one request is executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecuteOptions {
    /// Whether to trace every decision. The trace clones nothing of the candidates, but has two short lists for each, so
    /// that the framework's own cost grows to a multiple; without it nothing is recorded.
    pub explain: bool,
    /// When the answer must be there. The earlier of this and the pipeline's own request budget counts.
    pub deadline: Option<Instant>,
}

impl ExecuteOptions {
    /// With a trace, no deadline.
    pub const EXPLAIN: Self = Self { explain: true, deadline: None };

    /// The same, with a deadline `time` from now.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { deadline: budget::now().checked_add(time), ..self }
    }
}

/// The answer to one request.
#[derive(Debug)]
pub struct Execution<Q, C> {
    /// The query with what its hydrators filled.
    pub query: Arc<Q>,
    /// The response: at most [`Selector::result_size`](crate::Selector::result_size) candidates in their final order.
    pub selected: Arc<Vec<C>>,
    /// The other ranked candidates in score order. What stage 8 removed is in neither list, but counted in `removed`. Side
    /// effects share both lists.
    pub non_selected: Arc<Vec<C>>,
    /// What each filter that ran removed, in the order they ran.
    pub removed: Vec<Removed<C>>,
    /// What did not go as it should, in pipeline order and once per component; empty when all is well.
    pub degraded: Vec<Degradation>,
    /// Where the time went.
    pub timings: StageTimings,
    /// Time of each component that ran, in pipeline order.
    pub components: Vec<ComponentTiming>,
    /// How many candidates each stage left.
    pub sizes: StageSizes,
    /// Ranked candidates whose score was NaN or infinite. They stand at the end.
    pub non_finite_scores: usize,
    /// Every decision, when the request was executed with [`ExecuteOptions::explain`].
    pub trace: Option<Trace>,
}

/// What one filter removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed<C> {
    /// [`Stage::Filter`] or [`Stage::PostSelectionFilter`].
    pub stage: Stage,
    /// The filter.
    pub filter: &'static str,
    /// How many, all rounds of a refill together.
    pub count: usize,
    /// The candidates themselves, as they were then. Empty unless the request is traced.
    pub candidates: Vec<C>,
}

/// A component that failed, was abandoned, or may not have done all of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degradation {
    /// The component, or [`REFILL`].
    pub component: &'static str,
    /// What happened to it first.
    pub reason: String,
}

/// The name under which a refill that the deadline cut short is reported.
pub const REFILL: &str = "refill";

/// Wall time of each stage, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTimings {
    /// Stage 1.
    pub query_hydrators: f64,
    /// Stage 2.
    pub sources: f64,
    /// Stage 3.
    pub hydrators: f64,
    /// Stage 4.
    pub filters: f64,
    /// Stage 5.
    pub scorers: f64,
    /// Stage 6.
    pub selector: f64,
    /// Stages 7 and 8 with all refills.
    pub post_selection: f64,
    /// The request, from the call to the answer; side effects are not in it.
    pub total: f64,
}

impl StageTimings {
    /// Every stage by its name, in order; last the whole request.
    pub const fn by_name(&self) -> [(&'static str, f64); 8] {
        [
            ("query_hydrators", self.query_hydrators),
            ("sources", self.sources),
            ("hydrators", self.hydrators),
            ("filters", self.filters),
            ("scorers", self.scorers),
            ("selector", self.selector),
            ("post_selection", self.post_selection),
            ("total", self.total),
        ]
    }
}

/// Wall time of one component. Those of one parallel stage overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComponentTiming {
    /// Where it stands.
    pub stage: Stage,
    /// The component.
    pub component: &'static str,
    /// Milliseconds, from the start of its wave to its end; all rounds of a refill together.
    pub ms: f64,
}

/// How many candidates each stage left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageSizes {
    /// All that the sources gave.
    pub sources: usize,
    /// After the hydrators; the same, since hydrators drop nothing.
    pub hydrators: usize,
    /// After the filters.
    pub filters: usize,
    /// After the scorers; the same, since scorers drop nothing.
    pub scorers: usize,
    /// Selected before post-selection.
    pub selector: usize,
    /// Tried in post-selection, refills included.
    pub post_selection_tried: usize,
    /// Survivors of post-selection. May be more than the response holds.
    pub post_selection: usize,
    /// In the response.
    pub selected: usize,
    /// Times post-selection went through further candidates because too few had survived.
    pub refills: usize,
}
