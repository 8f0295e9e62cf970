//! gRPC and REST on one port.
//!
//! [`App`] holds the parts of one data folder; every transport calls [`App::feed`] and [`App::append`]. [`rest`] and
//! [`grpc`] translate; [`door`] puts both on one listener and admits requests. Nothing here ranks or stores anything.

pub mod answer;
pub mod app;
pub mod cursor;
pub mod door;
pub mod explain;
pub mod grpc;
pub mod ids;
pub mod limits;
mod memory;
mod own_writes;
pub mod problem;
pub mod request;
pub mod rest;
mod schema;
mod serve;

pub use answer::FeedAnswer;
pub use app::{App, AppendOutcome, Rejected, SentEvent};
pub use cursor::CursorKey;
pub use door::{Door, DoorConfig, RenderMetrics, Services};
pub use problem::Problem;
pub use request::FeedRequest;
pub use serve::{SERVICE_NAMES, services};
