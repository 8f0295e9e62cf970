//! Ranking metrics with their definitions.
//!
//! A metric here is a pure function of numbers: it knows neither models nor data sets. Each says its formula, its order of ties and
//! what it answers where the formula has no value (`None`, never 0 or 1 in its place: such a query is left out of a mean).
//! A score that is not a number ranks below every number; something that is no probability makes a metric of probabilities `None`.
//!
//! Of one ranked list (a query, slate or user), by [`rank_order`]:
//!
//! * [`ndcg`]: DCG and NDCG@k with graded gains.
//! * [`mod@mrr`], [`recall`], [`hit`], [`precision`], [`map`]: with gains of yes or no.
//!
//! Of one action head over all its examples:
//!
//! * [`mod@auc`], [`mod@pr_auc`]: the order alone.
//! * [`mod@log_loss`], [`mod@normalised_entropy`], [`mod@calibration`]: the probabilities themselves.
//!
//! Around the numbers:
//!
//! * [`bootstrap`]: intervals for a mean and for the difference of two rankers on the same queries.
//! * [`buckets`]: numbers apart for posts that training has seen never, rarely and often.
//! * [`protocol`]: what was measured on what; every printed report starts with it.

pub mod auc;
pub mod bootstrap;
pub mod buckets;
pub mod calibration;
pub mod hit;
pub mod log_loss;
pub mod map;
pub mod mrr;
pub mod ndcg;
pub mod normalised_entropy;
pub mod pr_auc;
pub mod precision;
pub mod protocol;
mod ranking;
pub mod recall;

pub use auc::{auc, weighted_auc};
pub use bootstrap::{Interval, bootstrap_mean, paired_bootstrap};
pub use buckets::ImpressionBucket;
pub use calibration::{CalibrationBin, calibration, calibration_table};
pub use hit::hit_at_k;
pub use log_loss::log_loss;
pub use map::map_at_k;
pub use mrr::mrr;
pub use ndcg::{dcg_at_k, mean, ndcg_at_k, rank_order};
pub use normalised_entropy::normalised_entropy;
pub use pr_auc::pr_auc;
pub use precision::precision_at_k;
pub use protocol::{Protocol, QueryTime};
pub use recall::recall_at_k;
