//! Trains the Phoenix models on Burn.
//!
//! Start with [`trainer::train_ranker`]: a log becomes passes in [`data`], passes become steps in [`batches`], a step's rows come out of
//! the [`tables`], go through the [`model`], and its gradients come back to the tables and, by [`optim`], to the dense tensors.
//! [`recipe`] holds every setting; [`metrics_log`] and [`plot`] write what a run measured.
//!
//! Invariants:
//! * Only the dense tensors are known to autodiff. No gradient has the shape of a table.
//! * Data, recipe, seed and number of threads determine a run bit by bit, even if it is resumed.
//! * Training sees what serving would show: the data's windows, the model's positions, the shared input functions.

pub mod batches;
pub mod data;
pub mod metrics_log;
pub mod model;
pub mod optim;
pub mod plot;
pub mod recipe;
mod streams;
pub mod tables;
pub mod trainer;
