//! The `foryou` binary's parts: command line, settings, the data folder, and the wiring of the crates.
//!
//! `main.rs` only parses the arguments and turns the outcome into an exit code. [`commands`] has one file per command,
//! [`folder`] opens and guards a data folder, [`parts`] opens its log and projections, [`engine`] wires them into a
//! [`server::App`], [`service`] opens the port before that.

pub mod bench_cli;
pub mod cli;
mod clock_setting;
pub mod commands;
pub mod config;
mod cursor_key;
pub mod engine;
pub mod exit;
pub mod folder;
pub mod listen;
pub mod memory;
mod metrics;
pub mod models;
pub mod output;
pub mod parts;
mod profile_note;
pub mod service;
pub mod sink;
mod stop;
mod whole_file;
mod writes;
