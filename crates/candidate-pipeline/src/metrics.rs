//! Metrics, through the [`metrics`] facade.
//!
//! Handles are taken once, when a pipeline is built: **install the recorder before building pipelines**, or theirs go
//! nowhere. Durations are in seconds.

use std::time::Duration;

use metrics::{Counter, Histogram, Unit};

use crate::error::StageError;
use crate::stage::Stage;

/// Histogram: time a component took in one request. Labels `pipeline`, `stage`, `component`.
pub const COMPONENT_SECONDS: &str = "candidate_pipeline_component_seconds";
/// Histogram: candidates a component was given. Labels as [`COMPONENT_SECONDS`].
pub const COMPONENT_IN: &str = "candidate_pipeline_component_candidates_in";
/// Histogram: candidates a source gave, a filter left, a hydrator or scorer filled. Labels as [`COMPONENT_SECONDS`].
pub const COMPONENT_OUT: &str = "candidate_pipeline_component_candidates_out";
/// Counter: failures of a component; one for a failure on single candidates, however many. Labels as
/// [`COMPONENT_SECONDS`].
pub const COMPONENT_ERRORS: &str = "candidate_pipeline_component_errors_total";
/// Counter: times a component was abandoned at, or ended after, the end of its budget. Labels as [`COMPONENT_SECONDS`].
pub const COMPONENT_DEADLINE_MISSES: &str = "candidate_pipeline_component_deadline_misses_total";
/// Histogram: time of a request without its side effects. Label `pipeline`.
pub const REQUEST_SECONDS: &str = "candidate_pipeline_request_seconds";
/// Histogram: candidates selected. Label `pipeline`.
pub const REQUEST_SELECTED: &str = "candidate_pipeline_request_selected";
/// Counter: requests in which something was degraded. Label `pipeline`.
pub const REQUEST_DEGRADED: &str = "candidate_pipeline_request_degraded_total";
/// Counter: scores that were no finite number. Label `pipeline`.
pub const NON_FINITE_SCORES: &str = "candidate_pipeline_non_finite_scores_total";
/// Counter: candidates whose fields a cached hydrator had. Label `component`.
pub const CACHE_HITS: &str = "candidate_pipeline_cache_hits_total";
/// Counter: candidates whose fields a cached hydrator had to fetch. Label `component`.
pub const CACHE_MISSES: &str = "candidate_pipeline_cache_misses_total";

/// The handles of one component.
#[derive(Debug)]
pub(crate) struct ComponentMetrics {
    seconds: Histogram,
    taken: Histogram,
    given: Histogram,
    errors: Counter,
    deadline_misses: Counter,
}

impl ComponentMetrics {
    pub(crate) fn new(pipeline: &'static str, stage: Stage, component: &'static str) -> Self {
        let labels = [("pipeline", pipeline), ("stage", stage.as_str()), ("component", component)];
        Self {
            seconds: metrics::histogram!(COMPONENT_SECONDS, &labels),
            taken: metrics::histogram!(COMPONENT_IN, &labels),
            given: metrics::histogram!(COMPONENT_OUT, &labels),
            errors: metrics::counter!(COMPONENT_ERRORS, &labels),
            deadline_misses: metrics::counter!(COMPONENT_DEADLINE_MISSES, &labels),
        }
    }

    pub(crate) fn ran(&self, elapsed: Duration, taken: usize, given: usize) {
        self.seconds.record(elapsed);
        self.taken.record(taken as f64);
        self.given.record(given as f64);
    }

    pub(crate) fn failed(&self, error: &StageError) {
        self.errors.increment(1);
        if *error == StageError::DeadlineExceeded {
            self.missed_deadline();
        }
    }

    pub(crate) fn missed_deadline(&self) {
        self.deadline_misses.increment(1);
    }
}

/// The handles of one pipeline.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    pub(crate) seconds: Histogram,
    pub(crate) selected: Histogram,
    pub(crate) degraded: Counter,
    pub(crate) non_finite: Counter,
}

impl RequestMetrics {
    pub(crate) fn new(pipeline: &'static str) -> Self {
        describe();
        Self {
            seconds: metrics::histogram!(REQUEST_SECONDS, "pipeline" => pipeline),
            selected: metrics::histogram!(REQUEST_SELECTED, "pipeline" => pipeline),
            degraded: metrics::counter!(REQUEST_DEGRADED, "pipeline" => pipeline),
            non_finite: metrics::counter!(NON_FINITE_SCORES, "pipeline" => pipeline),
        }
    }
}

fn describe() {
    metrics::describe_histogram!(COMPONENT_SECONDS, Unit::Seconds, "Time a component took in one request");
    metrics::describe_histogram!(COMPONENT_IN, Unit::Count, "Candidates a component was given");
    metrics::describe_histogram!(COMPONENT_OUT, Unit::Count, "Candidates a component gave, left or filled");
    metrics::describe_counter!(COMPONENT_ERRORS, Unit::Count, "Failures of a component");
    metrics::describe_counter!(COMPONENT_DEADLINE_MISSES, Unit::Count, "Times a component met the end of its budget");
    metrics::describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "Time of a request without its side effects");
    metrics::describe_histogram!(REQUEST_SELECTED, Unit::Count, "Candidates selected");
    metrics::describe_counter!(REQUEST_DEGRADED, Unit::Count, "Requests in which something was degraded");
    metrics::describe_counter!(NON_FINITE_SCORES, Unit::Count, "Scores that were no finite number");
    metrics::describe_counter!(CACHE_HITS, Unit::Count, "Candidates whose fields were cached");
    metrics::describe_counter!(CACHE_MISSES, Unit::Count, "Candidates whose fields had to be fetched");
}
