//! The speed at which the log's time passes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use foryou_types::TimeMs;

/// Lets the log's time pass `speed` times as fast as the machine's; without a speed, as fast as possible.
pub(crate) struct Pace {
    speed: Option<f64>,
    /// The first moment waited for, and when that was.
    start: Option<(TimeMs, Instant)>,
}

impl Pace {
    pub(crate) const fn new(speed: Option<f64>) -> Self {
        Self { speed, start: None }
    }

    pub(crate) fn wait(&mut self, at: TimeMs, stop: &AtomicBool) {
        let Some(speed) = self.speed else { return };
        let (first, started) = *self.start.get_or_insert_with(|| (at, Instant::now()));
        let seconds = at.since(first).max(0) as f64 / 1_000.0 / speed;
        // A moment beyond the range of the clock never comes.
        let due = Duration::try_from_secs_f64(seconds).ok().and_then(|wait| started.checked_add(wait));
        while !stop.load(Ordering::Relaxed) {
            let left = due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_as_fast_as_asked() {
        let mut pace = Pace::new(Some(1_000.0));
        let started = Instant::now();
        for at in [5_000, 5_000, 25_000, 65_000] {
            pace.wait(TimeMs(at), &AtomicBool::new(false));
        }
        assert!(started.elapsed() >= Duration::from_millis(60));
        let stopped = AtomicBool::new(true);
        pace.wait(TimeMs(i64::MAX), &stopped);
        Pace::new(Some(1e-300)).wait(TimeMs(5), &stopped);
    }
}
