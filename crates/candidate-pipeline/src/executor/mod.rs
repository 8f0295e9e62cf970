//! One request, from the query to the answer.

mod fetching;
mod filtering;
mod post_selection;
mod scoring;
mod selection;

use std::sync::Arc;
use std::time::Instant;

use crate::budget::Budget;
use crate::execution::{ExecuteOptions, Execution, Removed, StageSizes, StageTimings};
use crate::guard::caught;
use crate::keep_mask::KeepMask;
use crate::pipeline::Pipeline;
use crate::report::{Report, millis};
use crate::stages::SideEffectInput;

/// Splits a request's time into its stages.
struct Stopwatch {
    started: Instant,
    lap: Instant,
}

impl Stopwatch {
    fn start() -> Self {
        let now = Instant::now();
        Self { started: now, lap: now }
    }

    /// Milliseconds since the last lap.
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        millis(now - std::mem::replace(&mut self.lap, now))
    }
}

impl<Q, C> Pipeline<Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    /// Answers one request.
    ///
    /// Always gives an answer: a component that fails, panics or is late is left out as its stage provides, and stands in
    /// [`Execution::degraded`]. Dropping the future abandons the request; its side effects do not run then.
    ///
    /// Needs a Tokio runtime with time enabled where a deadline or a cap is set, and for side effects. All components run on
    /// the caller's task: parallel ones wait together, and one that computes for long should move its work to a thread pool
    /// if the others are to continue meanwhile.
    pub async fn execute(&self, query: Q, options: ExecuteOptions) -> Execution<Q, C> {
        let mut watch = Stopwatch::start();
        let budget = options.deadline.map_or(Budget::UNLIMITED, Budget::until);
        let budget = self.request.map_or(budget, |time| budget.capped(time));
        let mut timings = StageTimings::default();
        let mut sizes = StageSizes::default();
        let mut run = Run {
            budget,
            report: Report::new(self.components.len(), options.explain),
            removed: Vec::with_capacity(self.filters.len() + self.post_filters.len()),
            mask: KeepMask::default(),
        };

        let query = self.hydrate_query(query, budget, &mut run.report).await;
        timings.query_hydrators = watch.lap();

        let mut pool = self.fetch_candidates(&query, budget, &mut run.report).await;
        sizes.sources = pool.len();
        timings.sources = watch.lap();

        fetching::hydrate(&self.hydrators, &query, &mut pool, budget, &mut run.report).await;
        sizes.hydrators = pool.len();
        timings.hydrators = watch.lap();

        run.filter(&self.filters, &query, &mut pool, 0);
        sizes.filters = pool.len();
        timings.filters = watch.lap();

        self.score(&query, &mut pool, budget, &mut run.report).await;
        sizes.scorers = pool.len();
        timings.scorers = watch.lap();

        let ranked = self.select(&query, pool, &mut run.report);
        let non_finite_scores = ranked.non_finite;
        sizes.selector = ranked.selected.len();
        timings.selector = watch.lap();

        let (selected, non_selected) = self.post_select(&query, ranked, &mut run, &mut sizes).await;
        sizes.selected = selected.len();
        timings.post_selection = watch.lap();

        let Run { report: Report { degraded, components, trace }, removed, .. } = run;
        timings.total = millis(watch.started.elapsed());
        let execution = Execution {
            query: Arc::new(query),
            selected: Arc::new(selected),
            non_selected: Arc::new(non_selected),
            removed,
            degraded,
            timings,
            components,
            sizes,
            non_finite_scores,
            trace,
        };
        self.summarize(&execution);
        self.start_side_effects(&execution);
        execution
    }

    fn summarize(&self, execution: &Execution<Q, C>) {
        self.metrics.seconds.record(execution.timings.total / 1e3);
        self.metrics.selected.record(execution.selected.len() as f64);
        self.metrics.non_finite.increment(execution.non_finite_scores as u64);
        if !execution.degraded.is_empty() {
            self.metrics.degraded.increment(1);
        }
        let Execution { timings, sizes, .. } = execution;
        tracing::info!(
            target: "candidate_pipeline",
            pipeline = self.name,
            total_ms = timings.total,
            query_hydrators_ms = timings.query_hydrators,
            sources_ms = timings.sources,
            hydrators_ms = timings.hydrators,
            filters_ms = timings.filters,
            scorers_ms = timings.scorers,
            selector_ms = timings.selector,
            post_selection_ms = timings.post_selection,
            candidates = sizes.sources,
            filtered = sizes.filters,
            selected = sizes.selected,
            refills = sizes.refills,
            non_finite_scores = execution.non_finite_scores,
            degraded = ?execution.degraded,
            "request",
        );
    }

    /// Starts the side effects that take part. They share the candidates with the answer.
    fn start_side_effects(&self, execution: &Execution<Q, C>) {
        let mut input = None;
        for slot in &self.side_effects {
            match caught(|| slot.component.enable(&execution.query)) {
                Ok(true) => {
                    let input = input.get_or_insert_with(|| {
                        Arc::new(SideEffectInput {
                            query: Arc::clone(&execution.query),
                            selected: Arc::clone(&execution.selected),
                            non_selected: Arc::clone(&execution.non_selected),
                        })
                    });
                    self.tracker.start(slot, input);
                }
                Ok(false) => {}
                Err(error) => self.tracker.record(&slot.meta, error),
            }
        }
    }
}

/// What the stages of one request share.
struct Run<C> {
    budget: Budget,
    report: Report,
    removed: RemovedList<C>,
    /// The mask of the last filter, whose memory the next one uses.
    mask: KeepMask,
}

/// What the filters removed so far, one entry per filter that ran.
type RemovedList<C> = Vec<Removed<C>>;
