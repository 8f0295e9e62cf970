//! What is written down while a request runs.

use std::time::Duration;

use crate::component::Meta;
use crate::error::StageError;
use crate::execution::{ComponentTiming, Degradation};
use crate::guard::caught;
use crate::trace::Trace;

/// The parts of an [`Execution`](crate::Execution) that all stages write to.
pub(crate) struct Report {
    pub(crate) degraded: Vec<Degradation>,
    pub(crate) components: Vec<ComponentTiming>,
    pub(crate) trace: Option<Trace>,
}

/// Outcome of merging results into candidates one by one.
#[derive(Debug, Default)]
pub(crate) struct MergeOutcome {
    pub(crate) failed: usize,
    pub(crate) first_error: Option<StageError>,
}

impl MergeOutcome {
    pub(crate) fn failed(&mut self, error: StageError) {
        self.failed += 1;
        self.first_error.get_or_insert(error);
    }
}

impl Report {
    pub(crate) fn new(components: usize, explain: bool) -> Self {
        Self { degraded: Vec::new(), components: Vec::with_capacity(components), trace: explain.then(Trace::default) }
    }

    /// Asks a component whether it takes part.
    pub(crate) fn enabled(&mut self, meta: &Meta, enable: impl FnOnce() -> bool) -> Result<bool, StageError> {
        let enabled = caught(enable).inspect_err(|error| self.failed(meta, error))?;
        if !enabled && let Some(trace) = &mut self.trace {
            let disabled = (meta.stage, meta.name);
            // Stages 7 and 8 are asked once per round of a refill.
            if !trace.disabled.contains(&disabled) {
                trace.disabled.push(disabled);
            }
        }
        Ok(enabled)
    }

    /// A component ended, well or not.
    pub(crate) fn ran(&mut self, meta: &Meta, elapsed: Duration, taken: usize, given: usize) {
        meta.metrics.ran(elapsed, taken, given);
        let ms = millis(elapsed);
        // Only components of stages 7 and 8 run more than once, and those stand at the end.
        let earlier = self.components.iter_mut().rev().find(|c| c.component == meta.name);
        match earlier {
            Some(timing) => timing.ms += ms,
            None => self.components.push(ComponentTiming { stage: meta.stage, component: meta.name, ms }),
        }
    }

    /// A component failed as a whole.
    pub(crate) fn failed(&mut self, meta: &Meta, error: &StageError) {
        meta.metrics.failed(error);
        self.degrade(meta.name, || error.to_string());
    }

    /// A component failed on some candidates.
    pub(crate) fn failed_on(&mut self, meta: &Meta, outcome: &MergeOutcome, asked: usize) {
        if let Some(error) = &outcome.first_error {
            meta.metrics.failed(error);
            self.degrade(meta.name, || format!("{} of {asked} candidates: {error}", outcome.failed));
        }
    }

    /// A component that has no other way to say so may have stopped early.
    pub(crate) fn ended(&mut self, meta: &Meta, late: bool) {
        if late {
            meta.metrics.missed_deadline();
            self.degrade(meta.name, || "ended after its budget: its work may be cut short".to_owned());
        }
    }

    pub(crate) fn degrade(&mut self, component: &'static str, reason: impl FnOnce() -> String) {
        if self.degraded.iter().all(|d| d.component != component) {
            self.degraded.push(Degradation { component, reason: reason() });
        }
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
