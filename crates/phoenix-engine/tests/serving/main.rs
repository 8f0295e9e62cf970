//! The models as services: from the log, by the registry, in process and over gRPC.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail where they stand")]

mod corpus;
mod families;
mod grpc;
mod ranking;
mod retrieval;
mod support;
mod swapping;
