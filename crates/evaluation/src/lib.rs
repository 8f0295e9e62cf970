//! Ranking metrics with their definitions.
//!
//! A metric here is a pure function of numbers: it knows neither models nor data sets. Each says its formula, its order of ties and
//! what it answers where the formula has no value (`None`, never 0 or 1 in its place: such a query is left out of a mean).
//! A score that is not a number ranks below every number; a prediction that is not a probability makes a metric of probabilities `None`.
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
//! Of lists whose order of ties must favour nobody, and of lists that were shown:
//!
//! * [`tie`]: the rank of a target with ties in a seeded random order.
//! * [`mod@shown_list`]: AUC, MRR and NDCG as news recommendation (MIND) defines them.
//! * [`mod@share_below`]: the AUC of one target among its candidates.
//!
//! Of a log that is lived through:
//!
//! * [`baselines`]: popularity, recent popularity and co-occurrence, kept current by counting.
//! * [`prequential`]: outcomes of predicted targets by day and overall.
//!
//! Around the numbers:
//!
//! * [`bootstrap`], [`clustered_bootstrap`]: intervals for a mean and for the difference of two rankers on the same queries.
//! * [`buckets`]: numbers apart for posts that training has seen never, rarely and often.
//! * [`protocol`]: what was measured on what; every printed report starts with it.

pub mod auc;
pub mod baselines;
pub mod bootstrap;
pub mod buckets;
pub mod calibration;
pub mod clustered_bootstrap;
pub mod hit;
pub mod log_loss;
pub mod map;
pub mod mrr;
pub mod ndcg;
pub mod normalised_entropy;
pub mod pr_auc;
pub mod precision;
pub mod prequential;
pub mod protocol;
mod ranking;
pub mod recall;
pub mod share_below;
pub mod shown_list;
pub mod tie;

pub use auc::{auc, weighted_auc};
pub use baselines::{Baseline, Cooccurrence, Popular, RecentPopular};
pub use bootstrap::{Interval, bootstrap_mean, paired_bootstrap};
pub use buckets::ImpressionBucket;
pub use calibration::{CalibrationBin, calibration, calibration_table};
pub use clustered_bootstrap::clustered_bootstrap_mean;
pub use hit::hit_at_k;
pub use log_loss::log_loss;
pub use map::map_at_k;
pub use mrr::mrr;
pub use ndcg::{dcg_at_k, mean, ndcg_at_k, rank_order};
pub use normalised_entropy::normalised_entropy;
pub use pr_auc::pr_auc;
pub use precision::precision_at_k;
pub use prequential::{
    Bootstrap, Day, DaySpan, MeanRow, Measured, Metric, ModelMeans, Outcome, PrequentialTable, RankMetric,
    ResampleUnit, TableError, pool_tail,
};
pub use protocol::{Protocol, QueryTime};
pub use recall::recall_at_k;
pub use share_below::share_below;
pub use shown_list::{ShownListMetric, ShownListMetrics, shown_list};
pub use tie::{TieOrder, rank_of, rank_order_by};
