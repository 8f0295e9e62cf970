//! Units into steps, and steps into one shard per thread.
//!
//! A unit is padded to the longest sequence and the most targets of its shard, so units of like length go together: they are sorted
//! by length with a little noise, cut where the padded tokens reach the budget, and the steps shuffled. Everything follows from
//! `(seed, epoch)`, so a resumed run finds its place by the step number alone.

mod plan;
mod shards;

pub use plan::{BatchPlan, Size};
pub(crate) use shards::split_shards;
