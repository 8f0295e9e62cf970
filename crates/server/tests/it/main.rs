//! The door over real connections, with stubs behind it.
#![expect(clippy::unwrap_used, reason = "tests: a failed unwrap is a failed test")]

mod connections;
mod grpc;
mod rest;
mod shop;
mod support;
