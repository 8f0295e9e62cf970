//! The end of the time a lookup has.

use std::time::Duration;

use foryou_io::MonotonicClock;

/// The end of the time a lookup has.
#[derive(Clone, Copy)]
pub struct Deadline<'a> {
    /// When it ends.
    pub at: Duration,
    /// By whose time.
    pub monotonic: &'a dyn MonotonicClock,
}

impl Deadline<'_> {
    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        self.monotonic.now() >= self.at
    }
}

impl std::fmt::Debug for Deadline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deadline").field("at", &self.at).finish_non_exhaustive()
    }
}
