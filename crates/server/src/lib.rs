//! gRPC and REST on one port.
//!
//! [`App`] holds the parts of one data folder; [`App::feed`] and [`App::append`] are what every transport calls. [`rest`] and
//! [`grpc`] translate; [`mod@serve`] puts both on one listener. Nothing here ranks or stores anything.

pub mod answer;
pub mod app;
pub mod cursor;
pub mod explain;
pub mod grpc;
pub mod ids;
mod own_writes;
pub mod problem;
pub mod request;
pub mod rest;
pub mod serve;

pub use answer::FeedAnswer;
pub use app::{App, AppendOutcome, Rejected};
pub use problem::Problem;
pub use request::FeedRequest;
pub use serve::{bare_router, router, serve};
