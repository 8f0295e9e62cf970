//! Ranking metrics with their definitions.
//!
//! A metric here is a pure function of numbers: it knows neither models nor data sets. Each says its formula, its order of ties and
//! what it answers where the formula has no value.
//!
//! * [`ndcg`]: DCG and NDCG@k with graded gains.
//! * [`bootstrap`]: intervals for a mean and for the difference of two rankers on the same queries.

pub mod bootstrap;
pub mod ndcg;

pub use bootstrap::{Interval, bootstrap_mean, paired_bootstrap};
pub use ndcg::{dcg_at_k, mean, ndcg_at_k, rank_order};
