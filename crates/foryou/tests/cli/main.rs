//! The binary as its users run it (each test starts `foryou` as a process), and the documents beside it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests: a failed unwrap is a failed test, what is skipped is said"
)]

mod architecture;
mod bad_input;
mod bench;
mod common;
mod contract;
mod demo;
mod deskdrop;
mod dump;
mod edges;
mod folder;
mod forum;
mod full_disk;
mod grpc;
mod higgs;
mod import;
mod kill;
mod load;
mod mutations;
mod phoenix;
mod reference;
mod reposts;
mod rest;
mod seeds;
mod small_model;
mod snapshots;
mod startup;
mod stream;
mod times;
mod window;
