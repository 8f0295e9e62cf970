//! Where served feeds are recorded.

use async_trait::async_trait;
use event_log::ServedEvent;
use foryou_types::TimeMs;
use foryou_types::seams::SeamError;

/// Appends served feeds to the event log, from where they come back as `previously served` and as training data.
#[async_trait]
pub trait ServedRecorder: Send + Sync {
    /// Records a feed that was served at a moment (the request's now, so that a log clock is not moved by it).
    async fn record_served(&self, served: ServedEvent, at: TimeMs) -> Result<(), SeamError>;
}
