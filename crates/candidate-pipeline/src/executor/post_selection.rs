//! Stages 7 and 8, and the refill that keeps a response full.

use super::RemovedList;
use super::fetching::hydrate;
use super::filtering::filter;
use super::selection::Ranked;
use crate::budget::Budget;
use crate::execution::{REFILL, StageSizes};
use crate::keep_mask::KeepMask;
use crate::pipeline::Pipeline;
use crate::report::Report;

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
    #[expect(
        clippy::too_many_arguments,
        reason = "the state of one request, which two stages share in different parts"
    )]
    pub(super) async fn post_select(
        &self,
        query: &Q,
        ranked: Ranked<C>,
        mask: &mut KeepMask,
        request: Budget,
        report: &mut Report,
        removed: &mut RemovedList<C>,
        sizes: &mut StageSizes,
    ) -> (Vec<C>, Vec<C>) {
        let Ranked { selected: mut survivors, mut rest, result_size, .. } = ranked;
        sizes.post_selection_tried = survivors.len();
        hydrate(&self.post_hydrators, query, &mut survivors, request, report).await;
        filter(&self.post_filters, query, &mut survivors, 0, mask, request, report, removed);

        let mut tried = 0;
        while survivors.len() < result_size && !rest.is_empty() {
            if request.is_spent() {
                let missing = result_size - survivors.len();
                report.degrade(REFILL, || format!("deadline exceeded with {missing} candidates missing"));
                break;
            }
            tried = (result_size - survivors.len()).max(2 * tried);
            let mut batch = rest.take_front(tried);
            tried = batch.len();
            sizes.refills += 1;
            sizes.post_selection_tried += tried;
            hydrate(&self.post_hydrators, query, &mut batch, request, report).await;
            let settled = survivors.len();
            survivors.append(batch);
            filter(&self.post_filters, query, &mut survivors, settled, mask, request, report, removed);
        }
        sizes.post_selection = survivors.len();

        let surplus = survivors.split_off(result_size.min(survivors.len()));
        if let Some(mut view) = survivors.view(report.trace.as_mut()) {
            for rank in 0..survivors.len() {
                view.at(rank).rank = Some(rank);
            }
        }
        drop(rest.candidates.splice(..0, surplus.candidates));
        (survivors.candidates, rest.candidates)
    }
}
