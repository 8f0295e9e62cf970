//! The clock of a data folder.

use std::sync::Arc;

use event_log::EventSource;
use foryou_types::{Clock, ClockKind, Profile, TimeMs, WallClock};

/// Now is the time of the newest imported event that is not far ahead of all others ([`foryou_types::LogTime`]); before the first
/// import, the time of another clock.
pub struct LogClock {
    log: Arc<dyn EventSource>,
    before: Arc<dyn Clock>,
}

impl LogClock {
    /// The clock of a log; `before` is the clock until something is imported.
    pub fn new(log: Arc<dyn EventSource>, before: Arc<dyn Clock>) -> Self {
        Self { log, before }
    }
}

impl Clock for LogClock {
    fn now(&self) -> TimeMs {
        self.log.head().imported.now().unwrap_or_else(|| self.before.now())
    }
}

/// The clock a folder's profile names.
pub fn folder_clock(profile: &Profile, log: Arc<dyn EventSource>) -> Arc<dyn Clock> {
    match profile.clock {
        ClockKind::Wall => Arc::new(WallClock),
        ClockKind::Log => Arc::new(LogClock::new(log, Arc::new(WallClock))),
    }
}
