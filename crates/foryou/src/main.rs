//! The `foryou` binary.
fn main() {}
