//! The For You feed behind the server: [`ForYou`] is [`home_mixer`]'s pipeline as a [`server::Feed`].
//!
//! [`FeedRequest`] and [`FeedAnswer`] are what callers write and read, the same over REST, gRPC and the command line. [`services`] puts
//! the routes and the gRPC service beside the server's own; [`openapi`] describes them. Nothing here ranks: `home-mixer` does, and
//! `server` does for it what every feed needs.

mod answer;
mod for_you;
mod grpc;
mod limits;
mod request;
mod rest;
mod schema;
mod services;

pub use answer::{Candidates, ClockUsed, FeedAnswer, FeedPost};
pub use for_you::ForYou;
pub use request::FeedRequest;
pub use rest::openapi;
pub use services::{SERVICE_NAMES, services};
