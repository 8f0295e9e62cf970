//! Monotonic time for deadlines and rates; passed in, so that tests can use a fake clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A source of monotonic time.
pub trait Monotonic: Send + Sync {
    /// The present instant.
    fn now(&self) -> Instant;
}

/// The machine's monotonic time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemMonotonic;

impl Monotonic for SystemMonotonic {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// A fake clock for tests: it moves when told to, or by a fixed step on every read.
#[derive(Debug)]
pub struct ManualMonotonic {
    start: Instant,
    passed_ns: AtomicU64,
    step_ns: u64,
}

impl ManualMonotonic {
    /// A fake clock that stands still.
    pub fn new() -> Self {
        Self::stepping(Duration::ZERO)
    }

    /// A fake clock that advances by `step` on every read.
    pub fn stepping(step: Duration) -> Self {
        Self { start: Instant::now(), passed_ns: AtomicU64::new(0), step_ns: step.as_nanos() as u64 }
    }

    /// Lets `time` pass.
    pub fn advance(&self, time: Duration) {
        self.passed_ns.fetch_add(time.as_nanos() as u64, Ordering::SeqCst);
    }
}

impl Default for ManualMonotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl Monotonic for ManualMonotonic {
    fn now(&self) -> Instant {
        self.start + Duration::from_nanos(self.passed_ns.fetch_add(self.step_ns, Ordering::SeqCst))
    }
}

/// The end of the time a lookup has.
#[derive(Clone, Copy)]
pub struct Deadline<'a> {
    /// When it ends.
    pub at: Instant,
    /// By whose time.
    pub monotonic: &'a dyn Monotonic,
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
