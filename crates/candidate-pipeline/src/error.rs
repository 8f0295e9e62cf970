//! Why a component did not do its work, and why a pipeline could not be built.

use thiserror::Error;

use crate::stage::Stage;

/// The failure of one component in one request. It never fails the request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StageError {
    /// The component's own words.
    #[error("{0}")]
    Failed(String),
    /// Its part of the request's time ran out.
    #[error("deadline exceeded")]
    DeadlineExceeded,
    /// It panicked, with this message. The panic was caught; the request went on without the component.
    #[error("panicked: {0}")]
    Panicked(String),
    /// It answered for another number of candidates than it was asked about.
    #[error("answered for {got} candidates, was asked about {expected}")]
    WrongLength {
        /// Candidates asked about.
        expected: usize,
        /// Results given.
        got: usize,
    },
}

impl StageError {
    /// A failure in the component's own words.
    pub fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }
}

/// A pipeline that would not work. Found by [`PipelineBuilder::build`](crate::PipelineBuilder::build), never at a request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BuildError {
    /// There is nothing to get candidates from.
    #[error("pipeline {pipeline}: it has no source")]
    NoSource {
        /// The pipeline.
        pipeline: &'static str,
    },
    /// There is nothing to sort and truncate by.
    #[error("pipeline {pipeline}: it has no selector")]
    NoSelector {
        /// The pipeline.
        pipeline: &'static str,
    },
    /// A pipeline has one selector.
    #[error("pipeline {pipeline}: has two selectors, {first} and {second}; it must have one")]
    SecondSelector {
        /// The pipeline.
        pipeline: &'static str,
        /// The selector that was given first.
        first: &'static str,
        /// The one given after it.
        second: &'static str,
    },
    /// Metrics, budgets, the trace and `needs` speak of components by name.
    #[error("pipeline {pipeline}: a {stage} has no name")]
    EmptyName {
        /// The pipeline.
        pipeline: &'static str,
        /// Where the component stands.
        stage: Stage,
    },
    /// Two components, of whatever stages, have one name.
    #[error("pipeline {pipeline}: two components are named {name} ({first} and {second})")]
    DuplicateName {
        /// The pipeline.
        pipeline: &'static str,
        /// The name.
        name: &'static str,
        /// Stage of the first of them.
        first: Stage,
        /// Stage of the second.
        second: Stage,
    },
    /// A hydrator reads the fields of another that does not exist, or that runs only later.
    #[error(
        "pipeline {pipeline}: {hydrator} needs {need}, but no hydrator of its stage or of an earlier one has that name"
    )]
    UnsatisfiedNeed {
        /// The pipeline.
        pipeline: &'static str,
        /// The hydrator that needs.
        hydrator: &'static str,
        /// What it needs.
        need: &'static str,
    },
    /// Hydrators wait for each other.
    #[error("pipeline {pipeline}: hydrators need each other in a cycle: {}", cycle.join(" -> "))]
    Cycle {
        /// The pipeline.
        pipeline: &'static str,
        /// The cycle: each needs the next, and the last is the first again.
        cycle: Vec<&'static str>,
    },
    /// A budget is set for a component that does not exist.
    #[error("pipeline {pipeline}: a budget is set for {name}, but no component has that name")]
    UnknownBudget {
        /// The pipeline.
        pipeline: &'static str,
        /// The name in [`Budgets::caps`](crate::Budgets::caps).
        name: String,
    },
}
