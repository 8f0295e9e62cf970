//! What every part needs, built once.
//!
//! * [`FolderLock`]: one process has a folder; others are told which ([`Holder`]).
//! * [`replace_file`], [`sync_folder`]: a file exists whole or not at all, also after a power cut.
//! * [`Background`]: a named thread that lives until it is dropped.
//! * [`Admission`]: limits on the requests that run, that wait, and that come per second; all others are refused at once.
//! * [`MonotonicClock`]: time for ages, deadlines and rates, passed in so that tests can use [`ManualMonotonic`].
//! * [`Readiness`]: what is missing before the service is ready, and how far each [`Step`] is.
//!
//! This crate knows no other crate of foryou.

mod admission;
mod background;
mod files;
mod lock;
mod monotonic;
mod readiness;

pub use admission::{Admission, Permit, Refused, RunError};
pub use background::{Background, Signal};
pub use files::{replace_file, sync_folder, unfinished};
pub use lock::{FolderLock, Holder, LOCK_FILE, Lock};
pub use monotonic::{ManualMonotonic, MonotonicClock, SystemMonotonic};
pub use readiness::{Missing, Readiness, Step};
