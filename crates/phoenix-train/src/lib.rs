//! Trains the Phoenix models on Burn.
//!
//! Start with [`trainer::train`]: a log becomes passes in [`data`], a step's rows come out of the [`tables`], go through the [`model`], and
//! its gradients come back to the tables and to the dense tensors. [`recipe`] holds every setting. The loop around it, its folder and
//! its files are those of [`train_core`].
//!
//! Invariants:
//! * Only the dense tensors are known to autodiff. No gradient has the shape of a table.
//! * Data, recipe, seed and number of threads determine a run bit by bit, even if it is resumed.
//! * Training sees what serving would show: the data's windows, the model's positions, the shared input functions.

pub mod data;
pub mod model;
pub mod recipe;
pub mod tables;
pub mod trainer;
