//! The bookkeeping of a prequential stream: every event is first predicted, then learned.
//!
//! Nothing here knows a model. Each predicted target gives one outcome ([`Measured`]: a rank, or the metrics of a shown list) under
//! every model that is compared, and the [`PrequentialTable`] keeps them all, so that means by day, overall and the interval of a
//! difference are of the same targets.
//!
//! * [`Day`], [`DaySpan`], [`pool_tail`]: the days of a log in UTC, and a thin tail of them pooled into one.
//! * [`Measured`], [`Metric`]: what one target gave, and what it is worth; [`Outcome`], [`RankMetric`] for ranks.
//! * [`PrequentialTable`], [`MeanRow`]: all of them, by day and overall; stored with serde, a stopped stream continues from its table.

mod day;
mod mean_row;
mod rank_metric;
mod table;
mod table_error;

pub use day::{Day, DaySpan, pool_tail};
pub use mean_row::{MeanRow, ModelMeans};
pub use rank_metric::{Measured, Metric, Outcome, RankMetric};
pub use table::{Bootstrap, PrequentialTable, ResampleUnit};
pub use table_error::TableError;
