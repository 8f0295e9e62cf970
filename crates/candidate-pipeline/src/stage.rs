//! The stages of a pipeline.

use std::fmt;

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
