//! Stage 9: work that nobody waits for, and whose failures are nevertheless known.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::budget::Budget;
use crate::component::Meta;
use crate::error::StageError;
use crate::guard::guarded;
use crate::stages::{SideEffect, SideEffectInput};

/// Failures kept for inspection; older ones remain in the metrics and the total.
const RECENT_FAILURES: usize = 64;

/// A side effect that did not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideEffectFailure {
    /// The side effect.
    pub component: &'static str,
    /// Why.
    pub error: StageError,
}

pub(crate) struct EffectSlot<Q, C> {
    pub(crate) meta: Arc<Meta>,
    pub(crate) component: Arc<dyn SideEffect<Q, C>>,
}

/// What is known of side effects under way and of those that failed.
#[derive(Debug)]
pub(crate) struct Tracker {
    in_flight: AtomicUsize,
    limit: usize,
    idle: Notify,
    failed: AtomicU64,
    recent: Mutex<VecDeque<SideEffectFailure>>,
}

impl Tracker {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            limit,
            idle: Notify::new(),
            failed: AtomicU64::new(0),
            recent: Mutex::new(VecDeque::with_capacity(RECENT_FAILURES)),
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Acquire)
    }

    pub(crate) fn recent(&self) -> Vec<SideEffectFailure> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Waits until none is under way.
    pub(crate) async fn idle(&self) {
        loop {
            let mut notified = pin!(self.idle.notified());
            notified.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            notified.await;
        }
    }

    pub(crate) fn record(&self, meta: &Meta, error: StageError) {
        meta.metrics.failed(&error);
        tracing::warn!(target: "candidate_pipeline", component = meta.name, %error, "side effect failed");
        self.failed.fetch_add(1, Ordering::AcqRel);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_FAILURES {
            recent.pop_front();
        }
        recent.push_back(SideEffectFailure { component: meta.name, error });
    }

    /// Starts one side effect on the runtime of the caller.
    pub(crate) fn start<Q, C>(self: &Arc<Self>, slot: &EffectSlot<Q, C>, input: &Arc<SideEffectInput<Q, C>>)
    where
        Q: Send + Sync + 'static,
        C: Send + Sync + 'static,
    {
        let mut running = Running { tracker: Arc::clone(self), meta: Arc::clone(&slot.meta), recorded: false };
        if self.in_flight.fetch_add(1, Ordering::AcqRel) >= self.limit {
            running.fail(StageError::Failed(format!("not started: {} side effects are under way", self.limit)));
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            running.fail(StageError::failed("not started: the request did not run on a Tokio runtime"));
            return;
        };
        let component = Arc::clone(&slot.component);
        let input = Arc::clone(input);
        runtime.spawn(async move {
            let started = Instant::now();
            let budget = running.meta.budget(Budget::UNLIMITED);
            let candidates = input.selected.len();
            let result = guarded(budget, async { component.run(Arc::clone(&input)).await }).await;
            running.meta.metrics.ran(started.elapsed(), candidates, candidates);
            match result {
                Ok(()) => running.done(),
                Err(error) => running.fail(error),
            }
        });
    }
}

/// A side effect under way. One that is dropped before its end (the runtime shut down) is recorded as failed.
struct Running {
    tracker: Arc<Tracker>,
    meta: Arc<Meta>,
    recorded: bool,
}

impl Running {
    fn done(&mut self) {
        self.recorded = true;
    }

    fn fail(&mut self, error: StageError) {
        self.recorded = true;
        self.tracker.record(&self.meta, error);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.recorded {
            self.fail(StageError::failed("dropped before its end: the runtime shut down"));
        }
        if self.tracker.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.tracker.idle.notify_waiters();
        }
    }
}
