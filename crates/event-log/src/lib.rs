//! Events and the log everything in foryou is projected from.
pub mod event;
pub mod log;

pub use event::*;
pub use log::{AppendError, Appended, EventLog, LogError, LogHead, Position, Record};
