//! What the executor keeps for each component.

use std::time::Duration;

use crate::budget::Budget;
use crate::metrics::ComponentMetrics;
use crate::stage::Stage;

/// A component's name, place, cap and metrics, looked up once when the pipeline is built.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) cap: Option<Duration>,
    pub(crate) metrics: ComponentMetrics,
}

impl Meta {
    /// What the component gets of the request's time, if it starts now.
    pub(crate) fn budget(&self, request: Budget) -> Budget {
        self.cap.map_or(request, |cap| request.capped(cap))
    }
}

/// A component, and what the executor keeps for it.
pub(crate) struct Slot<T: ?Sized> {
    pub(crate) meta: Meta,
    pub(crate) component: Box<T>,
}
