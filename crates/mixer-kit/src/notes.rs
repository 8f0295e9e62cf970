//! What the components of one request write down in addition to the query and the candidates.

use std::sync::{Arc, OnceLock};

use candidate_pipeline::StageTimings;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// A component that failed, was abandoned or did only a part of its work, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// The component's name.
    pub component: String,
    /// What happened.
    pub reason: String,
}

/// What predicted the actions of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RankedBy {
    /// The popularity prior.
    Prior,
    /// This model version.
    Model(Arc<str>),
}

/// Where the components of one request say what fits neither the query nor a candidate.
///
/// A query and its clones share one: the executor gives components clones and references of the query, and what they note must
/// reach the answer.
#[derive(Debug, Default)]
pub struct RequestNotes {
    ranked_by: OnceLock<RankedBy>,
    degraded: Mutex<Vec<Degraded>>,
    outcome: OnceLock<Outcome>,
}

/// How a request ended, known only when the pipeline is through.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Time per stage.
    pub timings: StageTimings,
    /// All that was degraded.
    pub degraded: Vec<Degraded>,
}

impl RequestNotes {
    /// Notes what predicted the actions. The first note counts.
    pub fn set_ranked_by(&self, by: RankedBy) {
        let _ = self.ranked_by.set(by);
    }

    /// What predicted the actions; `None` while nothing did.
    pub fn ranked_by(&self) -> Option<&RankedBy> {
        self.ranked_by.get()
    }

    /// Notes that a component did only a part of its work, or had to use its second-best means.
    pub fn degrade(&self, component: &'static str, reason: impl Into<String>) {
        self.degraded.lock().push(Degraded { component: component.to_owned(), reason: reason.into() });
    }

    /// What was noted by [`Self::degrade`], in the order of the notes.
    pub fn degraded(&self) -> Vec<Degraded> {
        self.degraded.lock().clone()
    }

    /// Notes how the request ended. The first note counts.
    pub fn set_outcome(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
    }

    /// How the request ended; `None` while it runs.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }
}
