//! Ranking metrics with their definitions.
//!
//! A metric here is a pure function of numbers: it knows neither models nor data sets. Each says its formula, its order of ties and
//! what it answers where the formula has no value (`None`, never 0 or 1 in its place: such a query is left out of a mean).
//! A score that is not a number ranks below every number; a prediction that is not a probability makes a metric of probabilities `None`.
//!
//! Of one ranked list (a query, slate or user), by [`rank_order`]; [`mean`] over lists:
//!
//! * [`ndcg_at_k`], [`dcg_at_k`]: with graded gains.
//! * [`mrr`], [`recall_at_k`], [`hit_at_k`], [`precision_at_k`], [`map_at_k`]: with gains of yes or no.
//!
//! Of one action head over all its examples:
//!
//! * [`auc`], [`weighted_auc`], [`pr_auc`]: the order alone.
//! * [`log_loss`], [`normalised_entropy`], [`calibration`]: the probabilities themselves.
//!
//! Of lists whose order of ties must favour nobody, and of lists that were shown:
//!
//! * [`TieOrder`], [`rank_of`]: the rank of a target with ties in a seeded random order.
//! * [`shown_list`]: AUC, MRR and NDCG as news recommendation (MIND) defines them.
//! * [`share_below`]: the AUC of one target among its candidates.
//!
//! Of a log that is lived through:
//!
//! * [`Baseline`]: popularity, recent popularity and co-occurrence, kept current by counting.
//! * [`PrequentialTable`]: outcomes of predicted targets by day and overall.
//!
//! Around the numbers:
//!
//! * [`bootstrap_mean`], [`paired_bootstrap`], [`clustered_bootstrap_mean`]: intervals for a mean and for the difference of two rankers on
//!   the same queries.
//! * [`ImpressionBucket`]: numbers apart for posts that training has seen never, rarely and often.
//! * [`Protocol`]: what was measured on what; every printed report starts with it.

mod auc;
mod baselines;
mod bootstrap;
mod buckets;
mod calibration;
mod clustered_bootstrap;
mod log_loss;
mod mean;
mod ndcg;
mod normalised_entropy;
mod pr_auc;
mod prequential;
mod protocol;
mod ranking;
mod share_below;
mod shown_list;
mod tie;
mod top_k;

pub use auc::{auc, weighted_auc};
pub use baselines::{Baseline, Cooccurrence, Popular, RecentPopular};
pub use bootstrap::{Interval, bootstrap_mean, paired_bootstrap};
pub use buckets::ImpressionBucket;
pub use calibration::{CalibrationBin, calibration, calibration_table};
pub use clustered_bootstrap::clustered_bootstrap_mean;
pub use log_loss::log_loss;
pub use mean::mean;
pub use ndcg::{dcg_at_k, ndcg_at_k};
pub use normalised_entropy::normalised_entropy;
pub use pr_auc::pr_auc;
pub use prequential::{
    Bootstrap, Day, DaySpan, MeanRow, Measured, Metric, ModelMeans, Outcome, PrequentialTable, RankMetric,
    ResampleUnit, TableError, pool_tail,
};
pub use protocol::{Protocol, QueryTime};
pub use ranking::rank_order;
pub use share_below::share_below;
pub use shown_list::{ShownListMetric, ShownListMetrics, shown_list};
pub use tie::{TieOrder, rank_of, rank_order_by};
pub use top_k::{hit_at_k, map_at_k, mrr, precision_at_k, recall_at_k};
