//! The time a component has.

use std::time::{Duration, Instant};

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
        Self { deadline: Instant::now().checked_add(time) }
    }

    /// A budget that ends at a moment.
    #[must_use]
    pub const fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline) }
    }

    /// The earlier end of this budget and `time` from now.
    #[must_use]
    pub fn capped(self, time: Duration) -> Self {
        let capped = Instant::now().checked_add(time);
        Self {
            deadline: match (self.deadline, capped) {
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
        self.deadline.map(|d| d.saturating_duration_since(Instant::now()))
    }

    /// Whether the time is over.
    pub fn is_spent(&self) -> bool {
        self.deadline.is_some_and(|d| Instant::now() >= d)
    }
}
