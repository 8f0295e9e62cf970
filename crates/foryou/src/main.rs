//! The `foryou` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    foryou::memory::keep_freed();
    foryou::commands::main(std::env::args_os())
}
