//! Whether the service is ready, and if not, what is missing and how far it is. `/readyz`, gRPC health and the progress lines of
//! the start all answer from here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A part that is not ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Missing {
    /// The part: `log`, `state`, `thunder`, `phoenix`, ...
    pub part: String,
    /// What it has done, in `unit`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub done: Option<u64>,
    /// What it has to do, in `unit`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total: Option<u64>,
    /// What is counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.part)?;
        match (self.done, self.total) {
            (Some(done), Some(total)) => write!(f, " {done}/{total}")?,
            (Some(done), None) => write!(f, " {done}")?,
            _ => return Ok(()),
        }
        self.unit.as_ref().map_or(Ok(()), |unit| write!(f, " {unit}"))
    }
}

type Ask = Box<dyn Fn() -> Option<Missing> + Send + Sync>;

/// The parts that must be ready before the service is. Clones are handles to the same list.
#[derive(Clone, Default)]
pub struct Readiness(Arc<RwLock<Vec<Ask>>>);

impl Readiness {
    /// Adds a part that reports what it lacks; `None` when it is ready.
    pub fn watch(&self, ask: impl Fn() -> Option<Missing> + Send + Sync + 'static) {
        self.0.write().push(Box::new(ask));
    }

    /// Adds a step that is missing until [`Step::finish`].
    pub fn step(&self, part: &str, unit: &str) -> Step {
        let step = Step::new(part, unit);
        let watched = step.clone();
        self.watch(move || watched.missing());
        step
    }

    /// The parts that are not ready, in the order they were added.
    pub fn missing(&self) -> Vec<Missing> {
        self.0.read().iter().filter_map(|ask| ask()).collect()
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.missing()).finish()
    }
}

/// Something that is done once. Clones are handles to the same step.
#[derive(Clone, Debug)]
pub struct Step(Arc<State>);

#[derive(Debug)]
struct State {
    part: String,
    unit: String,
    done: AtomicU64,
    total: AtomicU64,
    finished: watch::Sender<bool>,
}

impl Step {
    /// A step of `part` that is not done yet; its progress is counted in `unit`.
    pub fn new(part: &str, unit: &str) -> Self {
        Self(Arc::new(State {
            part: part.to_owned(),
            unit: unit.to_owned(),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            finished: watch::Sender::new(false),
        }))
    }

    /// Reports how far it is: `done` of `total`.
    pub fn reached(&self, done: u64, total: u64) {
        self.0.done.store(done, Relaxed);
        self.0.total.store(total, Relaxed);
    }

    /// Marks it as done, for everyone who waits.
    pub fn finish(&self) {
        self.0.finished.send_replace(true);
    }

    /// Whether it is done.
    pub fn is_finished(&self) -> bool {
        *self.0.finished.borrow()
    }

    /// What is missing; `None` when it is done.
    pub fn missing(&self) -> Option<Missing> {
        if self.is_finished() {
            return None;
        }
        let state = &self.0;
        let total = state.total.load(Relaxed);
        let counted = |n: u64| (total > 0).then_some(n);
        Some(Missing {
            part: state.part.clone(),
            done: counted(state.done.load(Relaxed)),
            total: counted(total),
            unit: (total > 0).then(|| state.unit.clone()),
        })
    }

    /// Waits until it is done.
    pub async fn wait(&self) {
        // The error says that the sender is gone; this handle holds it.
        let _ = self.0.finished.subscribe().wait_for(|finished| *finished).await;
    }

    /// Waits in a plain thread until it is done, at most `timeout`; says whether it is.
    ///
    /// It looks every few milliseconds, so there is no signal that could be missed.
    pub fn wait_blocking(&self, timeout: Duration) -> bool {
        let start = Instant::now();
        while !self.is_finished() {
            let Some(left) = timeout.checked_sub(start.elapsed()) else { return false };
            std::thread::sleep(left.min(Duration::from_millis(5)));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn what_is_missing_is_told_until_it_is_done() {
        let readiness = Readiness::default();
        assert_eq!(readiness.missing(), []);
        let state = readiness.step("state", "events");
        let ready = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ready);
        readiness.watch(move || {
            (!asked.load(Relaxed)).then(|| Missing { part: "thunder".to_owned(), ..Missing::default() })
        });
        let lines = || readiness.missing().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(lines(), ["state", "thunder"]);
        state.reached(120_000, 1_400_000);
        assert_eq!(lines(), ["state 120000/1400000 events", "thunder"]);
        state.finish();
        assert_eq!(lines(), ["thunder"]);
        ready.store(true, Relaxed);
        assert_eq!(readiness.missing(), []);
        // A part may lose its readiness again.
        ready.store(false, Relaxed);
        assert_eq!(lines(), ["thunder"]);
    }

    #[test]
    fn waiting_in_a_thread_ends_with_the_step_or_the_time() {
        let step = Step::new("thunder", "posts");
        assert!(!step.wait_blocking(Duration::from_millis(10)));
        let other = step.clone();
        let finisher = std::thread::spawn(move || other.finish());
        assert!(step.wait_blocking(Duration::from_secs(10)));
        finisher.join().unwrap();
    }

    #[tokio::test]
    async fn a_finished_step_wakes_tasks_that_came_before_and_after() {
        let step = Step::new("thunder", "posts");
        let before = tokio::spawn({
            let step = step.clone();
            async move { step.wait().await }
        });
        tokio::task::yield_now().await;
        step.finish();
        before.await.unwrap();
        step.wait().await;
    }
}
