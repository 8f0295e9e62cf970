//! The time caches measure ages with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A clock that never goes back. Only differences between its readings mean anything.
pub trait MonotonicClock: Send + Sync {
    /// Time since an origin that stays the same for the life of the clock.
    fn now(&self) -> Duration;
}

/// The machine's monotonic clock, counted from the making of this value.
#[derive(Clone, Copy, Debug)]
pub struct SystemMonotonic {
    origin: Instant,
}

impl SystemMonotonic {
    /// A clock that starts at 0 now.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemMonotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl MonotonicClock for SystemMonotonic {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock that advances only when it is told to, for tests and replays. Resolution 1 ns, from 0 to 584 years.
#[derive(Debug, Default)]
pub struct ManualClock {
    nanos: AtomicU64,
}

impl ManualClock {
    /// Advances by `time`.
    pub fn advance(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::AcqRel);
    }
}

impl MonotonicClock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

impl<T: MonotonicClock + ?Sized> MonotonicClock for std::sync::Arc<T> {
    fn now(&self) -> Duration {
        (**self).now()
    }
}
