//! Whether the service is ready, and if not, what is missing and how far it is. `/readyz`, gRPC health and the progress lines of
//! the start all answer from here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part that is not ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
        let step = Step(Arc::new(StepState {
            part: part.to_owned(),
            unit: unit.to_owned(),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            finished: AtomicBool::new(false),
        }));
        let state = Arc::clone(&step.0);
        self.watch(move || state.missing());
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

/// A step that is done once, before the service is ready.
#[derive(Clone, Debug)]
pub struct Step(Arc<StepState>);

#[derive(Debug)]
struct StepState {
    part: String,
    unit: String,
    done: AtomicU64,
    total: AtomicU64,
    finished: AtomicBool,
}

impl StepState {
    fn missing(&self) -> Option<Missing> {
        if self.finished.load(Relaxed) {
            return None;
        }
        let total = self.total.load(Relaxed);
        let counted = |n: u64| (total > 0).then_some(n);
        Some(Missing {
            part: self.part.clone(),
            done: counted(self.done.load(Relaxed)),
            total: counted(total),
            unit: (total > 0).then(|| self.unit.clone()),
        })
    }
}

impl Step {
    /// Reports how far it is: `done` of `total`.
    pub fn reached(&self, done: u64, total: u64) {
        self.0.done.store(done, Relaxed);
        self.0.total.store(total, Relaxed);
    }

    /// Marks it as done.
    pub fn finish(&self) {
        self.0.finished.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
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
}
