//! gRPC and REST on one port.
//!
//! A [`Feed`] of anything is served by [`App::feed`], which does for it what every feed needs: ids, cursor, clock, own writes. Events
//! come in by [`App::append`]. [`rest`] and [`grpc`] translate; [`Door`] puts both on one listener and admits requests. [`ForYou`] is the
//! feed of posts; [`rest::feed_routes`] mounts further ones. Nothing here ranks or stores anything.

mod app;
mod append;
mod cursor;
mod cut;
mod door;
mod explain;
mod feed;
mod feeds;
mod folder;
pub mod grpc;
mod ids;
pub mod limits;
mod memory;
mod problem;
pub mod rest;
mod schema;
mod serve;
mod time_text;
mod writer_positions;

pub use app::App;
pub use append::{AppendOutcome, Rejected, SentEvent};
pub use cursor::{CursorKey, Scope};
pub use door::{Door, DoorConfig, DoorConfigError, RenderMetrics, Services};
pub use explain::{Decision, Explained, Step};
pub use feed::{Asked, Common, Feed, Scored};
pub use feeds::for_you::{Candidates, ClockUsed, FeedAnswer, FeedPost, FeedRequest, ForYou};
pub use folder::Folder;
pub use ids::{GivenId, Ids, Viewer};
pub use memory::Measured;
pub use problem::Problem;
pub use serve::{SERVICE_NAMES, services};
pub use time_text::TimeText;
