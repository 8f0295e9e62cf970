//! gRPC and REST on one port.
//!
//! A [`Feed`] of anything is served by [`App::feed`], which does for it what every feed needs: ids, cursor, clock, own writes. Events
//! come in by [`App::append`]. [`rest`] and [`grpc`] translate; [`Door`] puts both on one listener and admits requests. The service's
//! main feed brings its own routes ([`rest::routes`]); [`rest::feed_routes`] mounts further ones. Nothing here ranks or stores anything,
//! or knows what the items of a feed are.

mod app;
mod append;
mod cursor;
mod cut;
mod door;
mod explain;
mod feed;
mod folder;
pub mod grpc;
mod ids;
pub mod limits;
mod memory;
mod problem;
mod ranked_by;
pub mod rest;
pub mod schema;
mod serve;
mod time_text;
mod writer_positions;

pub use app::App;
pub use append::{AppendOutcome, Rejected, SentEvent};
pub use cursor::{CursorKey, Scope};
pub use cut::cut;
pub use door::{Door, DoorConfig, RenderMetrics, Services};
pub use explain::{Decision, Explained, Step};
pub use feed::{Asked, Common, Feed, Scored};
pub use folder::Folder;
pub use ids::{GivenId, Ids, Viewer};
pub use memory::Measured;
pub use problem::Problem;
pub use ranked_by::ranked_by;
pub use serve::services;
pub use time_text::TimeText;
