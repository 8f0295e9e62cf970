//! The loop around a training, of any model.
//!
//! Start with [`Objective`]: what a model's training is. [`run`] does the rest: steps by plan, skipped where they are not finite,
//! evaluated, checkpointed, resumed, ended early. [`check_run`] and [`events_of_run`] look at what a run left.
//!
//! A new kind of model is a family in the registry and an objective here; this crate has no list of kinds. It knows no tensors: a model
//! is whatever its objective says, and plain vectors are all that a checkpoint asks for. `optim` has what objectives share.
//!
//! Invariants:
//! * Objective, seed and number of threads determine a run bit by bit, even if it is resumed.
//! * Gradients are summed in the order of the shards, whichever thread is first (an objective keeps this; see [`Workers::map`]).
//! * What is saved is finite, or refused.

mod batches;
mod begin;
mod error;
mod folder;
mod metrics_log;
mod objective;
pub mod optim;
mod options;
mod plot;
mod recipe;
mod run;
mod saved;
mod state;
mod streams;
mod workers;

pub use batches::{BatchPlan, Size};
pub use error::TrainError;
pub use folder::{DataMark, check_run, events_of_run};
pub use metrics_log::{MetricsLine, MetricsLog, read_lines};
pub use objective::{Evaluation, NotFinite, Objective, Started, Step, StepPlan};
pub use options::{EvaluationReport, Outcome, Progress, RunOptions, StepReport};
pub use recipe::{RunRecipe, ScheduleRecipe, StoppingRecipe};
pub use run::run;
pub use saved::{Saved, TrainingState};
pub use streams::stream;
pub use workers::Workers;
