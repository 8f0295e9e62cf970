//! What the executor keeps for each component.

use std::fmt;
use std::time::Duration;

use crate::budget::Budget;
use crate::metrics::ComponentMetrics;

/// Where in a pipeline a component stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Stage 1.
    QueryHydrator,
    /// Stage 2.
    Source,
    /// Stage 3.
    Hydrator,
    /// Stage 4.
    Filter,
    /// Stage 5.
    Scorer,
    /// Stage 6.
    Selector,
    /// Stage 7.
    PostSelectionHydrator,
    /// Stage 8.
    PostSelectionFilter,
    /// Stage 9.
    SideEffect,
}

impl Stage {
    /// The stage as a metrics label and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueryHydrator => "query_hydrator",
            Self::Source => "source",
            Self::Hydrator => "hydrator",
            Self::Filter => "filter",
            Self::Scorer => "scorer",
            Self::Selector => "selector",
            Self::PostSelectionHydrator => "post_selection_hydrator",
            Self::PostSelectionFilter => "post_selection_filter",
            Self::SideEffect => "side_effect",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A component's name, place, cap and metrics, looked up once when the pipeline is built.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) cap: Option<Duration>,
    pub(crate) metrics: ComponentMetrics,
}

impl Meta {
    /// What the component gets of the request's time, if it starts now.
    pub(crate) fn budget(&self, request: Budget) -> Budget {
        self.cap.map_or(request, |cap| request.capped(cap))
    }
}

/// A component, and what the executor keeps for it.
pub(crate) struct Slot<T: ?Sized> {
    pub(crate) meta: Meta,
    pub(crate) component: Box<T>,
}
