//! Stage 5: scorers, one after the other.

use std::time::Instant;

use crate::budget::Budget;
use crate::guard::{caught, guarded};
use crate::pipeline::Pipeline;
use crate::pool::Pool;
use crate::report::Report;
use crate::trace::ScoreStep;

impl<Q, C> Pipeline<Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    /// Lets each scorer see what the ones before it left; one that fails is ignored.
    pub(super) async fn score(&self, query: &Q, pool: &mut Pool<C>, request: Budget, report: &mut Report) {
        if pool.is_empty() {
            return;
        }
        let asked = pool.len();
        let mut before = report.trace.is_some().then(|| self.scores(pool));
        for slot in &self.scorers {
            if report.enabled(&slot.meta, || slot.component.enable(query)) != Ok(true) {
                continue;
            }
            let started = Instant::now();
            let budget = slot.meta.budget(request);
            let fetched = guarded(budget, async { slot.component.fetch(query, &pool.candidates, budget).await }).await;
            let mut filled = 0;
            match fetched {
                Ok(merge) => {
                    let outcome = merge(&mut pool.candidates, None);
                    filled = asked - outcome.failed;
                    report.failed_on(&slot.meta, &outcome, asked);
                    report.ended(&slot.meta, budget.is_spent());
                }
                Err(error) => report.failed(&slot.meta, &error),
            }
            report.ran(&slot.meta, started.elapsed(), asked, filled);
            if let Some(before) = &mut before {
                let after = self.scores(pool);
                if let Some(mut view) = pool.view(report.trace.as_mut()) {
                    for (i, (&before, &after)) in before.iter().zip(&after).enumerate() {
                        view.at(i).scores.push(ScoreStep { scorer: slot.meta.name, before, after });
                    }
                }
                *before = after;
            }
        }
    }

    /// The selector's scores, for the trace; NaN where it panics, which the selection will report.
    fn scores(&self, pool: &Pool<C>) -> Vec<f64> {
        let score = |c| caught(|| self.selector.component.score(c)).unwrap_or(f64::NAN);
        pool.candidates.iter().map(score).collect()
    }
}
