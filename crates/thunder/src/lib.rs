//! Thunder holds everyone's recent posts in memory. It answers "what did the accounts that this viewer follows post lately?" without
//! a database.
//!
//! Start with [`PostStore`] (the data and the lookup rules), then [`ThunderService`] (admission, deadlines, the
//! [`InNetworkPosts`](foryou_types::seams::InNetworkPosts) seam), [`ingest`] (from the event log to the store) and [`grpc`].
//!
//! Invariants:
//! * The store never asks for the time: every call that depends on "now" is given it, so a folder on a log clock is kept and
//!   searched by the log's time.
//! * A deleted post stays deleted, whatever order its events came in.
//! * A post is in the store exactly as long as one of its author's lists holds it.
//! * Lists are ordered by (`created_at` in milliseconds, post id), whatever order the posts came in; answers are newest first
//!   in that order, so equal times never lose or shuffle posts.
//! * Locks are taken in one order, an author's shard before a post's, and no more than one of each kind at a time; a post's
//!   slot is freed only under its author's lock. Readers hold a lock for one author at a time.

mod auto_trim;
mod config;
mod deadline;
pub mod grpc;
pub mod ingest;
mod metrics;
mod service;
mod store;

pub use config::{IngestConfig, ServiceConfig, StoreConfig, ThunderConfig};
pub use deadline::Deadline;
pub use service::{Answer, FollowingLookup, ThunderService};
pub use store::{
    InsertOutcome, InsertReport, Lookup, LookupStats, PostStore, StoreStats, TimelineQuery, Timelines, TrimReport,
};
