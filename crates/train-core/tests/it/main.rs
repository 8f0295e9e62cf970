//! A model of its own kind, trained by nothing but an objective and kept by nothing but a family.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail where they stand")]

mod logistic;
mod runs;
