//! The `foryou` binary.

use std::process::ExitCode;

use clap::Parser;
use foryou::cli::Cli;

fn main() -> ExitCode {
    foryou::memory::keep_freed();
    foryou::commands::run(Cli::parse())
}
