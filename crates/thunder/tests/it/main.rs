//! Thunder from the outside: lookup rules, the store against a naive one, the service, ingestion and gRPC.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail where they stand")]

mod concurrency;
mod descriptor;
mod grpc;
mod ingest;
mod lookup;
mod reference;
mod retention;
mod service;
mod support;
