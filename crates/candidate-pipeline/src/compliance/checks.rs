//! The rules, checked one after the other.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::Case;
use super::ear::Ear;
use super::subject::{Fault, INJECTED, Subject};
use crate::metrics::{COMPONENT_DEADLINE_MISSES, COMPONENT_ERRORS, COMPONENT_IN, COMPONENT_OUT, COMPONENT_SECONDS};
use crate::{
    Budget, Budgets, ExecuteOptions, Execution, FilterPolicy, Hydrator, Pipeline, Selector, Source, Stage, StageError,
};

/// The pipeline's name in metrics.
const PIPELINE: &str = "compliance";
/// The component's budget.
const CAP: Duration = Duration::from_millis(50);

/// One component and what it is tried on.
pub(super) struct Trial<'a, Q, C> {
    pub(super) subject: &'a Subject<Q, C>,
    pub(super) case: &'a Case<Q, C>,
}

/// What came of one request.
struct Outcome<Q, C> {
    execution: Execution<Q, C>,
    /// Failures of side effects: component and error.
    effects: Vec<(&'static str, StageError)>,
    calls: usize,
    ear: Ear,
}

impl<Q, C> Trial<'_, Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Debug + Send + Sync + 'static,
{
    pub(super) async fn run(&self) {
        self.check_name();
        self.check_work().await;
        self.check_off().await;
        self.check_nothing().await;
        for (fault, rule) in [(Fault::Error, "error"), (Fault::Panic, "panic"), (Fault::Hang, "late")] {
            self.check_fault(fault, rule).await;
        }
        self.check_no_time().await;
        self.check_client().await;
    }

    /// Panics unless a rule holds.
    fn holds(&self, rule: &str, held: bool, found: &dyn Debug) {
        assert!(held, "{} breaks the rule {rule:?}: {found:?}", self.subject.name());
    }

    fn check_name(&self) {
        let name = self.subject.name();
        let sound = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        self.holds("name", sound && name == self.subject.name(), &name);
    }

    async fn check_work(&self) {
        let given = self.given();
        let first = self.execute(&self.case.query, &given, Fault::None, CAP).await;
        let wrong = (&first.execution.degraded, &first.effects);
        self.holds("work", first.execution.degraded.is_empty() && first.effects.is_empty(), &wrong);
        self.holds("work", first.calls == 1, &first.calls);
        for metric in [COMPONENT_SECONDS, COMPONENT_IN, COMPONENT_OUT] {
            let heard = self.heard(&first.ear, metric);
            self.holds("metrics", heard.len() == 1, &(metric, heard));
        }
        let errors = self.heard(&first.ear, COMPONENT_ERRORS);
        self.holds("metrics", errors.is_empty(), &errors);
        self.check_candidates(&given, &first.execution);

        let again = self.execute(&self.case.query, &given, Fault::None, CAP).await;
        // In words, since NaN is not equal to itself.
        let words = |outcome: &Outcome<Q, C>| format!("{:?}", outcome.execution.selected);
        self.holds("repeat", words(&first) == words(&again), &again.execution.selected);
    }

    fn check_candidates(&self, given: &[C], execution: &Execution<Q, C>) {
        let (given_ids, ids) = (self.ids(given), self.ids(&execution.selected));
        match self.subject.stage {
            Stage::Source => self.holds("candidates", !ids.is_empty() && !ids.contains(&0), &ids),
            Stage::Filter => {
                let mut left = given_ids.iter();
                let in_order = ids.iter().all(|id| left.any(|given| given == id));
                let removed: Vec<_> = execution.removed.iter().map(|r| (r.filter, r.count)).collect();
                let named = removed == [(self.subject.name(), given_ids.len() - ids.len())];
                self.holds("candidates", in_order && named, &(ids, removed));
            }
            Stage::Selector => self.check_selected(given, &execution.selected),
            _ => self.holds("candidates", ids == given_ids, &ids),
        }
    }

    fn check_selected(&self, given: &[C], selected: &[C]) {
        let Some(selector) = &self.subject.selector else { return };
        let mut left = self.ids(given);
        let each_once = selected.iter().all(|candidate| {
            let place = left.iter().position(|id| *id == (self.case.id)(candidate));
            place.map(|place| left.swap_remove(place)).is_some()
        });
        let scores: Vec<f64> = selected.iter().map(|candidate| selector.score(candidate)).collect();
        let finite = scores.iter().take_while(|score| score.is_finite()).count();
        let descending = scores[..finite].is_sorted_by(|a, b| a >= b);
        let rest_is_not_finite = scores[finite..].iter().all(|score| !score.is_finite());
        let (size, result_size) = (selector.size(&self.case.query), selector.result_size(&self.case.query));
        let fits = selected.len() == result_size.min(given.len()) && result_size <= size;
        self.holds("candidates", each_once && descending && rest_is_not_finite && fits, &scores);
    }

    async fn check_off(&self) {
        let Some(query) = &self.case.off else { return };
        let off = self.execute(query, &self.given(), Fault::None, CAP).await;
        let measured = self.heard(&off.ear, COMPONENT_SECONDS);
        self.holds("off", off.calls == 0 && measured.is_empty(), &(off.calls, measured));
        let disabled = off.execution.trace.iter().flat_map(|trace| &trace.disabled);
        // What runs after the answer is not in its trace.
        let told = disabled.map(|(_, name)| *name).any(|name| name == self.subject.name());
        self.holds("off", told || self.subject.stage == Stage::SideEffect, &"not among the disabled");
    }

    async fn check_nothing(&self) {
        let empty = self.execute(&self.case.query, &[], Fault::None, CAP).await;
        self.holds("nothing", empty.execution.degraded.is_empty(), &empty.execution.degraded);
        let gives = self.subject.stage == Stage::Source;
        self.holds("nothing", gives || empty.execution.selected.is_empty(), &empty.execution.selected);
    }

    async fn check_fault(&self, fault: Fault, rule: &str) {
        if self.subject.stage == Stage::Selector && fault != Fault::Panic {
            return; // It only computes.
        }
        let given = self.given();
        let outcome = self.execute(&self.case.query, &given, fault, CAP).await;
        let words = match fault {
            Fault::Hang => "deadline exceeded",
            _ => INJECTED,
        };
        let reasons = self.reasons(&outcome);
        self.holds(rule, reasons.len() == 1 && reasons[0].contains(words), &reasons);
        let errors = self.heard(&outcome.ear, COMPONENT_ERRORS);
        self.holds(rule, errors == [1.0], &errors);
        if fault == Fault::Hang {
            let misses = self.heard(&outcome.ear, COMPONENT_DEADLINE_MISSES);
            self.holds(rule, misses == [1.0], &misses);
        }
        let ids = self.ids(&outcome.execution.selected);
        let left = match (&self.subject.policy, self.subject.stage) {
            (Some(policy), _) => {
                let kept = given.iter().filter(|c| policy(&self.case.query, c) == FilterPolicy::FailOpen);
                kept.map(self.case.id).collect()
            }
            (None, Stage::Selector) => return, // In whatever order, since none has a score.
            (None, _) => self.ids(&given),
        };
        self.holds(rule, ids == left, &ids);
    }

    async fn check_no_time(&self) {
        let outcome = self.execute(&self.case.query, &self.given(), Fault::None, Duration::ZERO).await;
        let others: Vec<_> = outcome.execution.degraded.iter().filter(|d| d.component != self.subject.name()).collect();
        self.holds("no time", others.is_empty(), &others);
    }

    async fn check_client(&self) {
        let Some(break_it) = &self.subject.broken_by else { return };
        break_it();
        let outcome = self.execute(&self.case.query, &self.given(), Fault::None, CAP).await;
        let reasons = self.reasons(&outcome);
        self.holds("client", reasons.len() == 1, &reasons);
    }

    /// What was reported under the component's name.
    fn reasons(&self, outcome: &Outcome<Q, C>) -> Vec<String> {
        let degraded = outcome.execution.degraded.iter().filter(|d| d.component == self.subject.name());
        let effects = outcome.effects.iter().filter(|(component, _)| *component == self.subject.name());
        degraded.map(|d| d.reason.clone()).chain(effects.map(|(_, error)| error.to_string())).collect()
    }

    /// The candidates that the component is given.
    fn given(&self) -> Vec<C> {
        if self.subject.stage == Stage::Source { Vec::new() } else { self.case.candidates.clone() }
    }

    fn ids(&self, candidates: &[C]) -> Vec<u64> {
        candidates.iter().map(self.case.id).collect()
    }

    fn heard(&self, ear: &Ear, metric: &str) -> Vec<f64> {
        let stage = self.subject.stage.as_str();
        ear.heard(metric, &[("pipeline", PIPELINE), ("stage", stage), ("component", self.subject.name())])
    }

    /// One request to a pipeline of the component and nothing else that works.
    async fn execute(&self, query: &Q, given: &[C], fault: Fault, cap: Duration) -> Outcome<Q, C> {
        let (ear, calls) = (Ear::default(), Arc::new(AtomicUsize::new(0)));
        let pipeline = metrics::with_local_recorder(&ear, || {
            let mut builder = Pipeline::builder(PIPELINE);
            if self.subject.stage != Stage::Source {
                builder = builder.source(Given(given.to_vec()));
            }
            if self.subject.stage != Stage::Selector {
                builder = builder.selector(AsTheyCame(self.case.id));
            }
            for &need in self.subject.needs {
                builder = builder.hydrator(Idle(need));
            }
            let budgets = Budgets::default().cap(self.subject.name(), cap);
            (self.subject.install)(builder.budgets(budgets), fault, Arc::clone(&calls)).build()
        });
        let pipeline = match pipeline {
            Ok(pipeline) => pipeline,
            Err(error) => std::panic::panic_any(format!("{}: {error}", self.subject.name())),
        };
        let execution = pipeline.execute(query.clone(), ExecuteOptions::EXPLAIN).await;
        pipeline.side_effects_idle().await;
        let effects = pipeline.side_effect_failures().into_iter().map(|f| (f.component, f.error)).collect();
        Outcome { execution, effects, calls: calls.load(Ordering::Acquire), ear }
    }
}

/// Gives what it has.
struct Given<C>(Vec<C>);

#[async_trait]
impl<Q: Send + Sync, C: Clone + Send + Sync> Source<Q, C> for Given<C> {
    fn name(&self) -> &'static str {
        "given"
    }
    async fn get_candidates(&self, _: &Q, _: &Budget) -> Result<Vec<C>, StageError> {
        Ok(self.0.clone())
    }
}

/// Stands for a hydrator that the component needs.
struct Idle(&'static str);

#[async_trait]
impl<Q: Send + Sync, C: Send + Sync> Hydrator<Q, C> for Idle {
    type Fields = ();
    fn name(&self) -> &'static str {
        self.0
    }
    async fn hydrate(&self, _: &Q, candidates: &[C], _: &Budget) -> Result<Vec<Result<(), StageError>>, StageError> {
        Ok(candidates.iter().map(|_| Ok(())).collect())
    }
    fn update(&self, _: &mut C, (): ()) {}
}

/// Selects all, in the order they came.
struct AsTheyCame<C>(fn(&C) -> u64);

impl<Q, C> Selector<Q, C> for AsTheyCame<C> {
    fn name(&self) -> &'static str {
        "as_they_came"
    }
    fn enable(&self, _: &Q) -> bool {
        false
    }
    fn score(&self, _: &C) -> f64 {
        0.0
    }
    fn id(&self, candidate: &C) -> u64 {
        (self.0)(candidate)
    }
    fn size(&self, _: &Q) -> usize {
        usize::MAX
    }
}
