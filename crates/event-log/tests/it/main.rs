//! What a log promises, tested from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod compat;
mod concurrent;
mod contract;
mod damage;
mod faults;
mod folder;
mod json;
mod kill;
mod samples;
mod schema;
mod strategies;
