//! Which requests run: so many at a time, a bounded number waiting, so many a second; the rest are refused at once.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::monotonic::MonotonicClock;

/// Lets requests in or refuses them.
pub struct Admission {
    /// Requests that run or wait.
    places: Arc<Semaphore>,
    /// Permits to run, first come first served.
    running: Arc<Semaphore>,
    rate: Option<Rate>,
}

/// A permit to run one request, held until it is dropped.
#[derive(Debug)]
pub struct Permit {
    // In this order: a place is free for the next only when its permit to run is.
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// As many as may run and wait do.
    #[error("too many at the same time")]
    Busy,
    /// As many as may came lately.
    #[error("too many per second")]
    TooFast,
}

/// Why work gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RunError {
    /// It was not let in.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It panicked, with this message.
    #[error("{0}")]
    Panicked(String),
}

impl Admission {
    /// Lets `running` requests run at a time while at most `waiting` wait.
    pub fn new(running: usize, waiting: usize) -> Self {
        let (running, places) = (running.min(Semaphore::MAX_PERMITS), running.saturating_add(waiting));
        Self {
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            running: Arc::new(Semaphore::new(running)),
            rate: None,
        }
    }

    /// Besides, lets at most `per_second` requests in a second after a first `burst`, by `clock`.
    pub fn with_rate(self, per_second: u32, burst: u32, clock: Arc<dyn MonotonicClock>) -> Self {
        Self { rate: Some(Rate::new(per_second, burst, clock)), ..self }
    }

    /// Waits for a turn, or refuses. A caller that gives up while it waits gives up its place too. The rate is asked behind the
    /// place: a request that finds no place costs no token.
    pub async fn enter(&self) -> Result<Permit, Refused> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refused::Busy)?;
        if self.rate.as_ref().is_some_and(|rate| !rate.take()) {
            return Err(Refused::TooFast);
        }
        // The semaphore is never closed.
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Refused::Busy)?;
        Ok(Permit { _turn: turn, _place: place })
    }

    /// Runs `work` off the async threads when its turn comes. A caller that gives up while it waits gives up its place; later,
    /// the work is finished for nobody and still counts.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, RunError> {
        let permit = self.enter().await?;
        let done = spawn_blocking(move || {
            // Held by the work and not by the caller, who may be gone long before the core is free again.
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| RunError::Panicked(error.to_string()))
    }
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

/// A token bucket: `per_second` tokens flow in, at most `burst` stay, each request takes one.
struct Rate {
    per_second: f64,
    burst: f64,
    clock: Arc<dyn MonotonicClock>,
    /// The tokens, and when they were counted.
    state: Mutex<(f64, Duration)>,
}

impl Rate {
    fn new(per_second: u32, burst: u32, clock: Arc<dyn MonotonicClock>) -> Self {
        let state = Mutex::new((burst.into(), clock.now()));
        Self { per_second: per_second.into(), burst: burst.into(), clock, state }
    }

    fn take(&self) -> bool {
        let mut state = self.state.lock();
        let now = self.clock.now();
        let passed = now.saturating_sub(state.1).as_secs_f64();
        state.0 = (state.0 + passed * self.per_second).min(self.burst);
        state.1 = state.1.max(now);
        let granted = state.0 >= 1.0;
        if granted {
            state.0 -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc;

    use super::*;
    use crate::monotonic::ManualMonotonic;

    #[test]
    fn the_bucket_refills_at_its_rate_up_to_its_burst() {
        let clock = Arc::new(ManualMonotonic::new());
        let rate = Rate::new(10, 2, clock.clone());
        assert_eq!([0; 3].map(|_: u8| rate.take()), [true, true, false]);
        // A tenth of a second brings one token.
        clock.advance(Duration::from_millis(100));
        assert_eq!([0; 2].map(|_: u8| rate.take()), [true, false]);
        // An hour brings no more than the burst.
        clock.advance(Duration::from_hours(1));
        assert_eq!([0; 3].map(|_: u8| rate.take()), [true, true, false]);
    }

    #[tokio::test]
    async fn a_permit_is_given_back_when_dropped_and_a_refusal_costs_no_token() {
        let admission = Admission::new(1, 0).with_rate(1, 2, Arc::new(ManualMonotonic::new()));
        let held = admission.enter().await.unwrap();
        assert_eq!(admission.enter().await.unwrap_err(), Refused::Busy);
        drop(held);
        drop(admission.enter().await.unwrap());
        assert_eq!(admission.enter().await.unwrap_err(), Refused::TooFast);
        assert_eq!(admission.places.available_permits(), 1);
    }

    #[tokio::test]
    async fn one_that_gives_up_while_it_waits_gives_up_its_place() {
        let admission = Arc::new(Admission::new(1, 1));
        let run = |work: Box<dyn FnOnce() -> u8 + Send>| {
            let admission = Arc::clone(&admission);
            tokio::spawn(async move { admission.run(work).await })
        };
        let (release, blocked) = mpsc::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let first = run(Box::new(move || {
            begun.send(()).unwrap();
            blocked.recv().unwrap();
            1
        }));
        has_begun.await.unwrap();
        let second = run(Box::new(|| 2));
        while admission.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(admission.run(|| 3).await, Err(RunError::Refused(Refused::Busy)));
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        let fourth = run(Box::new(|| 4));
        release.send(()).unwrap();
        assert_eq!((first.await.unwrap(), fourth.await.unwrap()), (Ok(1), Ok(4)));
        assert_eq!(admission.places.available_permits(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_than_may_run_do() {
        let admission = Arc::new(Admission::new(2, 100));
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (admission, inside, most) = (admission.clone(), inside.clone(), most.clone());
                tokio::spawn(async move {
                    let work = move || {
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                    };
                    admission.run(work).await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(()));
        }
        assert!((1..=2).contains(&most.load(SeqCst)));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_costs_no_place() {
        let admission = Admission::new(1, 0);
        for _ in 0..3 {
            let outcome = admission.run(|| -> u8 { panic!("a bug") }).await;
            assert!(matches!(outcome, Err(RunError::Panicked(why)) if why.contains("a bug")));
        }
    }
}
