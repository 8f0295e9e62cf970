//! The part of a recipe that the loop itself follows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::optim::Decay;

/// The learning rates over the steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRecipe {
    /// Share of the steps on the way up.
    pub warm_up: f64,
    /// The way down.
    pub decay: Decay,
}

/// Evaluations, and when to end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoppingRecipe {
    /// Steps between evaluations; none for one after each epoch.
    pub evaluate_every: Option<u64>,
    /// Evaluations without a new best after which the run ends; 0 for never.
    pub patience: u32,
    /// Seconds after which the run ends; none for no limit.
    pub max_seconds: Option<f64>,
    /// Steps in a row that may be skipped because their loss was not finite.
    pub max_skipped_steps: u32,
    /// Steps between lines of the metrics file.
    pub log_every: u64,
}

/// How long a run is, in what steps, and when it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecipe {
    /// Passes over the training data.
    pub epochs: u32,
    /// Most tokens of a step, padding included.
    pub tokens_per_step: usize,
    /// The learning rates over the steps.
    pub schedule: ScheduleRecipe,
    /// Evaluations, and when to end.
    pub stopping: StoppingRecipe,
}
