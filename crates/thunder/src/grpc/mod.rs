//! Thunder over gRPC, with the documents' messages.
//!
//! [`ThunderGrpc`] serves a [`ThunderService`](crate::ThunderService), [`ThunderClient`] is the
//! [`InNetworkPosts`](foryou_types::seams::InNetworkPosts) of another process, [`report_health`] keeps the health service
//! saying NOT_SERVING until the store is ready.

mod client;
mod convert;
mod health;
mod server;

pub use client::ThunderClient;
pub use health::report_health;
pub use server::ThunderGrpc;
