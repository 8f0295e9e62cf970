//! Stages 7 and 8, and the refill that keeps a response full.

use super::Run;
use super::fetching::hydrate;
use super::selection::Ranked;
use crate::execution::{REFILL, StageSizes};
use crate::pipeline::Pipeline;

impl<Q, C> Pipeline<Q, C>
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Send + Sync + 'static,
{
    /// Takes the selected through stages 7 and 8, then the next best while fewer than the result size survive. Gives the
    /// response and all others that were not removed, each in score order.
    ///
    /// The first refill tries as many as are missing, each further one twice as many as the one before: rounds cost a
    /// round trip each, so their number must not grow with the share that is removed. Hydrators see each candidate once;
    /// filters see the survivors again, before the new ones.
    pub(super) async fn post_select(
        &self,
        query: &Q,
        ranked: Ranked<C>,
        run: &mut Run<C>,
        sizes: &mut StageSizes,
    ) -> (Vec<C>, Vec<C>) {
        let Ranked { selected: mut survivors, mut rest, result_size, .. } = ranked;
        sizes.post_selection_tried = survivors.len();
        hydrate(&self.post_hydrators, query, &mut survivors, run.budget, &mut run.report).await;
        run.filter(&self.post_filters, query, &mut survivors, 0);

        let mut tried = 0;
        while survivors.len() < result_size && !rest.is_empty() {
            if run.budget.is_spent() {
                let missing = result_size - survivors.len();
                run.report.degrade(REFILL, || format!("deadline exceeded with {missing} candidates missing"));
                break;
            }
            tried = (result_size - survivors.len()).max(2 * tried);
            let mut batch = rest.take_front(tried);
            tried = batch.len();
            sizes.refills += 1;
            sizes.post_selection_tried += tried;
            hydrate(&self.post_hydrators, query, &mut batch, run.budget, &mut run.report).await;
            let settled = survivors.len();
            survivors.append(batch);
            run.filter(&self.post_filters, query, &mut survivors, settled);
        }
        sizes.post_selection = survivors.len();

        let surplus = survivors.split_off(result_size.min(survivors.len()));
        if let Some(mut view) = survivors.view(run.report.trace.as_mut()) {
            for rank in 0..survivors.len() {
                view.at(rank).rank = Some(rank);
            }
        }
        drop(rest.candidates.splice(..0, surplus.candidates));
        (survivors.candidates, rest.candidates)
    }
}
