//! Monotonic time, for ages, deadlines and rates; passed in, so that tests can use a fake clock.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
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

/// A fake clock for tests and replays, from 0 to 584 years: it moves when told to, or by a fixed step on every read.
#[derive(Debug, Default)]
pub struct ManualMonotonic {
    passed_ns: AtomicU64,
    step_ns: u64,
}

impl ManualMonotonic {
    /// A fake clock that stands still.
    pub fn new() -> Self {
        Self::default()
    }

    /// A fake clock that advances by `step` on every read.
    pub fn stepping(step: Duration) -> Self {
        Self { passed_ns: AtomicU64::new(0), step_ns: nanos(step) }
    }

    /// Lets `time` pass.
    pub fn advance(&self, time: Duration) {
        self.passed_ns.fetch_add(nanos(time), SeqCst);
    }
}

impl MonotonicClock for ManualMonotonic {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.passed_ns.fetch_add(self.step_ns, SeqCst))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fake_clock_moves_when_told_to_or_step_by_step() {
        let clock = ManualMonotonic::new();
        assert_eq!((clock.now(), clock.now()), (Duration::ZERO, Duration::ZERO));
        clock.advance(Duration::from_mins(1));
        assert_eq!(clock.now(), Duration::from_mins(1));
        let stepping = ManualMonotonic::stepping(Duration::from_millis(2));
        assert_eq!([0; 3].map(|_: u8| stepping.now().as_millis()), [0, 2, 4]);
    }

    #[test]
    fn the_machine_never_goes_back() {
        let clock = SystemMonotonic::new();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
