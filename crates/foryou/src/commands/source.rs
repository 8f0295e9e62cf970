//! What a training or an evaluation reads of a data folder.

use std::sync::Arc;

use event_log::EventLog;
use foryou_types::Profile;

use crate::engine::Parts;

/// The log and the profile of a data folder.
pub(super) struct Source {
    /// What the data is.
    pub(super) profile: Arc<Profile>,
    /// The events.
    pub(super) log: Arc<dyn EventLog>,
}

impl Source {
    /// That of a folder that is open already.
    pub(super) fn of(parts: &Parts) -> Self {
        Self { profile: parts.profile.clone(), log: parts.log.clone() }
    }
}
