//! The parts of a data folder that a training or an evaluation reads.

use std::sync::Arc;

use event_log::EventSource;
use foryou_types::Profile;

use crate::config::Config;
use crate::parts::{Parts, Snapshot};

/// The log and the profile of a data folder. Nothing is changed, so a service may have the folder open.
pub(super) struct Source {
    /// What the data is.
    pub(super) profile: Arc<Profile>,
    /// The events.
    pub(super) log: Arc<dyn EventSource>,
}

impl Source {
    /// Reads a folder as it is now; another process may be writing to it.
    pub(super) fn open(config: &Config) -> anyhow::Result<Self> {
        let Snapshot { profile, log, .. } = Snapshot::open(config)?;
        Ok(Self { profile, log })
    }

    /// The source of a folder that is already open.
    pub(super) fn of(parts: &Parts) -> Self {
        Self { profile: parts.profile.clone(), log: parts.log.clone() }
    }
}
