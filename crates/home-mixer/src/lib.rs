//! The For You pipeline: from a viewer to a ranked feed, one component per file.
//!
//! Start with [`HomeMixer`], the service, whose module says what happens to a feed when a client fails; then `pipeline.rs`, where
//! the components stand in the order they run; then any of them:
//!
//! | stage | module |
//! |---|---|
//! | query hydrators | [`query_hydrators`] |
//! | sources | [`sources`] |
//! | hydrators, before and after selection | [`candidate_hydrators`] |
//! | filters, before and after selection | [`filters`] |
//! | scorers | [`scorers`] |
//! | selector | [`selectors`] |
//! | side effects | [`side_effects`] |
//!
//! Invariants:
//! * The pipeline never knows where its data lives: it asks [`Clients`], which are traits of [`foryou_types::seams`].
//! * A feed is a function of the query (with its `now` and request id), what the clients answer, and [`params::MixerParams`]: nothing here
//!   reads the clock or a random source on its own.
//! * A failing client never fails a request and never passes silently: the answer says what was degraded.
//! * No filter that protects the viewer lets a post through because a service was down.

pub mod candidate;
pub mod candidate_hydrators;
mod clients;
pub mod filters;
mod home_mixer;
mod ids;
pub mod params;
mod pipeline;
pub mod query;
pub mod query_hydrators;
mod ranked;
pub mod scorers;
pub mod selectors;
pub mod side_effects;
pub mod sources;

pub use clients::Clients;
pub use home_mixer::{FeedResult, HomeMixer};
pub use ids::PrintedIds;
