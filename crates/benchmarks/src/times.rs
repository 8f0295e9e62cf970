//! How long the runs of one thing took.

use std::time::Duration;

use foryou_io::MonotonicClock;
use serde::Serialize;

/// Times of single runs, shortest first.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Of these runs.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Times `runs` runs, after `warm` whose times do not count.
    pub fn measure(clock: &dyn MonotonicClock, warm: usize, runs: usize, mut run: impl FnMut(usize)) -> Self {
        (0..warm).for_each(&mut run);
        let times = (0..runs).map(|n| {
            let started = clock.now();
            run(n);
            clock.now().saturating_sub(started)
        });
        Self::new(times.collect())
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was timed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that a share `q` (0 to 1) of the runs did not exceed: of the sorted times the one at `⌊q·n⌋`.
    pub fn at(&self, q: f64) -> Duration {
        let place = (self.0.len() as f64 * q) as usize;
        self.0.get(place.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// All runs together.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// Runs in a second of their time, one after the other.
    pub fn per_second(&self) -> f64 {
        let seconds = self.total().as_secs_f64();
        if seconds > 0.0 { self.0.len() as f64 / seconds } else { 0.0 }
    }

    /// In milliseconds.
    pub fn millis(&self) -> Millis {
        let ms = |q| self.at(q).as_secs_f64() * 1e3;
        Millis { median_ms: ms(0.5), p10_ms: ms(0.1), p90_ms: ms(0.9), runs: self.len() }
    }

    /// In microseconds.
    pub fn micros(&self) -> Micros {
        let us = |q| self.at(q).as_secs_f64() * 1e6;
        Micros {
            p50_us: us(0.5),
            p99_us: us(0.99),
            p999_us: us(0.999),
            per_second: self.per_second(),
            runs: self.len(),
        }
    }
}

/// Milliseconds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Millis {
    /// Half of the runs took at most this long.
    pub median_ms: f64,
    /// A tenth of them.
    pub p10_ms: f64,
    /// Nine tenths of them.
    pub p90_ms: f64,
    /// How many there were.
    pub runs: usize,
}

/// Microseconds of a run, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Micros {
    /// Half of the runs took at most this long.
    pub p50_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// 999 of 1,000.
    pub p999_us: f64,
    /// Runs in a second.
    pub per_second: f64,
    /// How many there were.
    pub runs: usize,
}

#[cfg(test)]
mod tests {
    use foryou_io::ManualMonotonic;

    use super::*;

    #[test]
    fn shares_of_the_runs_are_read_from_their_sorted_times() {
        let times = Times::new([5, 1, 4, 2, 3].map(Duration::from_millis).to_vec());
        assert_eq!([0.0, 0.1, 0.5, 0.9, 1.0].map(|q| times.at(q).as_millis()), [1, 1, 3, 5, 5]);
        assert_eq!((times.len(), times.total(), times.per_second().round()), (5, Duration::from_millis(15), 333.0));
        assert_eq!((Times::default().at(0.5), Times::default().per_second()), (Duration::ZERO, 0.0));
    }

    #[test]
    fn only_the_runs_after_the_warm_up_are_timed() {
        let mut calls = Vec::new();
        let clock = ManualMonotonic::stepping(Duration::from_micros(7));
        let times = Times::measure(&clock, 2, 3, |n| calls.push(n));
        assert_eq!(calls, [0, 1, 0, 1, 2]);
        let millis = times.millis();
        assert_eq!((millis.runs, millis.median_ms), (3, 0.007));
    }
}
