//! The time a component has, and how a pipeline shares it out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The moment it is on the clock by which components are abandoned.
///
/// Tokio's clock and not the system's: the two are the same but where a test pauses time, and there a budget and the timer
/// that enforces it must agree.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A component's part of the request's time.
///
/// Components that wait are abandoned by the executor when their budget is over; components that compute ask
/// [`Budget::is_spent`] between tiles and return what they have.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    deadline: Option<Instant>,
}

impl Budget {
    /// No limit.
    pub const UNLIMITED: Self = Self { deadline: None };

    /// A budget that ends `time` from now.
    #[must_use]
    pub fn lasting(time: Duration) -> Self {
        Self { deadline: now().checked_add(time) }
    }

    /// A budget that ends at a moment.
    #[must_use]
    pub const fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline) }
    }

    /// The earlier end of this budget and `time` from now.
    #[must_use]
    pub fn capped(self, time: Duration) -> Self {
        self.and(Self::lasting(time))
    }

    /// The earlier end of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            deadline: match (self.deadline, other.deadline) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }

    /// When it ends, if it does.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The time left, `None` for no limit.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|d| d.saturating_duration_since(now()))
    }

    /// Whether the time is over.
    pub fn is_spent(&self) -> bool {
        self.deadline.is_some_and(|d| now() >= d)
    }
}

/// How a pipeline shares out a request's time.
///
/// A component's budget ends at the request's deadline or at its own cap after its start, whichever is earlier.
///
/// ```
/// use std::time::Duration;
/// use candidate_pipeline::Budgets;
///
/// let budgets = Budgets::default()
///     .request(Duration::from_millis(200))
///     .default_cap(Duration::from_millis(80))
///     .cap("ranker", Duration::from_millis(120));
/// assert_eq!(budgets.cap_of("ranker"), Some(Duration::from_millis(120)));
/// assert_eq!(budgets.cap_of("author"), Some(Duration::from_millis(80)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// The whole request, without its side effects. `None`: only the caller's deadline counts.
    pub request: Option<Duration>,
    /// Each component that has no cap of its own. `None`: the rest of the request's time.
    pub default_cap: Option<Duration>,
    /// Caps of single components, by name.
    pub caps: BTreeMap<String, Duration>,
    /// Each side effect that has no cap of its own. Side effects are outside the request's time.
    pub side_effect: Duration,
}

impl Default for Budgets {
    /// No limits but 30 s for a side effect, so that one that hangs is recorded instead of kept for ever.
    fn default() -> Self {
        Self { request: None, default_cap: None, caps: BTreeMap::new(), side_effect: Duration::from_secs(30) }
    }
}

impl Budgets {
    /// Sets the time of the whole request.
    #[must_use]
    pub fn request(mut self, time: Duration) -> Self {
        self.request = Some(time);
        self
    }

    /// Sets the cap of each component without a cap of its own.
    #[must_use]
    pub fn default_cap(mut self, time: Duration) -> Self {
        self.default_cap = Some(time);
        self
    }

    /// Sets the cap of one component. A name that no component has is an error when the pipeline is built.
    #[must_use]
    pub fn cap(mut self, component: impl Into<String>, time: Duration) -> Self {
        self.caps.insert(component.into(), time);
        self
    }

    /// Sets the cap of each side effect without a cap of its own.
    #[must_use]
    pub fn side_effect(mut self, time: Duration) -> Self {
        self.side_effect = time;
        self
    }

    /// The cap of a component other than a side effect.
    pub fn cap_of(&self, component: &str) -> Option<Duration> {
        self.caps.get(component).copied().or(self.default_cap)
    }

    /// The cap of a side effect.
    pub fn side_effect_cap_of(&self, component: &str) -> Duration {
        self.caps.get(component).copied().unwrap_or(self.side_effect)
    }
}
