//! The inference core against a naive implementation and its own invariants.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod extension;
mod extremes;
mod index;
mod isolation;
mod models;
mod naive;
mod refusal;
