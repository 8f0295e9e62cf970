//! A pipeline that was checked and can be executed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::component::Slot;
use crate::erased::{ErasedFiller, ErasedQueryHydrator};
use crate::metrics::RequestMetrics;
use crate::side_effects::{EffectSlot, SideEffectFailure, Tracker};
use crate::stage::Stage;
use crate::stages::{Filter, Selector, Source};

/// The hydrators of one stage, with the order their needs put them in.
pub(crate) struct Hydrators<Q, C> {
    pub(crate) slots: Vec<Slot<dyn ErasedFiller<Q, C>>>,
    /// Positions in `slots`; each wave runs in parallel on what the waves before it left.
    pub(crate) waves: Vec<Vec<usize>>,
}

/// A pipeline. Share it behind an [`Arc`] or a reference: requests do not exclude each other.
pub struct Pipeline<Q, C> {
    pub(crate) name: &'static str,
    pub(crate) query_hydrators: Vec<Slot<dyn ErasedQueryHydrator<Q>>>,
    pub(crate) sources: Vec<Slot<dyn Source<Q, C>>>,
    pub(crate) hydrators: Hydrators<Q, C>,
    pub(crate) filters: Vec<Slot<dyn Filter<Q, C>>>,
    pub(crate) scorers: Vec<Slot<dyn ErasedFiller<Q, C>>>,
    pub(crate) selector: Slot<dyn Selector<Q, C>>,
    pub(crate) post_hydrators: Hydrators<Q, C>,
    pub(crate) post_filters: Vec<Slot<dyn Filter<Q, C>>>,
    pub(crate) side_effects: Vec<EffectSlot<Q, C>>,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) request: Option<Duration>,
    pub(crate) metrics: RequestMetrics,
    pub(crate) components: Vec<(Stage, &'static str)>,
}

impl<Q, C> Pipeline<Q, C> {
    /// The name it was built with.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// All components in pipeline order.
    pub fn components(&self) -> &[(Stage, &'static str)] {
        &self.components
    }

    /// The hydrators of stage 3 by wave: those of one wave run in parallel, on what the waves before it left.
    pub fn hydrator_waves(&self) -> Vec<Vec<&'static str>> {
        let name = |&i: &usize| self.hydrators.slots[i].meta.name;
        self.hydrators.waves.iter().map(|wave| wave.iter().map(name).collect()).collect()
    }

    /// Waits until no side effect of this pipeline is under way. Those of requests that end meanwhile are waited for, too.
    pub async fn side_effects_idle(&self) {
        self.tracker.idle().await;
    }

    /// Side effects under way.
    pub fn side_effects_in_flight(&self) -> usize {
        self.tracker.in_flight()
    }

    /// Side effects that have failed since the pipeline was built.
    pub fn side_effects_failed(&self) -> u64 {
        self.tracker.failed()
    }

    /// The latest failures of side effects, oldest first; at most 64.
    pub fn side_effect_failures(&self) -> Vec<SideEffectFailure> {
        self.tracker.recent()
    }
}

impl<Q, C> fmt::Debug for Pipeline<Q, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("name", &self.name)
            .field("components", &self.components)
            .finish_non_exhaustive()
    }
}
