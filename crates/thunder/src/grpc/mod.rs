//! Thunder over gRPC, with the documents' messages.
//!
//! [`ThunderGrpc`] serves a [`ThunderService`](crate::ThunderService), [`ThunderClient`] is the
//! [`InNetworkPosts`](foryou_types::seams::InNetworkPosts) of another process.

mod client;
mod convert;
mod server;

pub use client::ThunderClient;
pub use server::ThunderGrpc;
