//! What an evaluation is given.

use std::path::Path;
use std::sync::Arc;

use event_log::EventSource;
use foryou_types::Profile;
use model_registry::Registry;
use phoenix_engine::{Precision, ServedFamilies};

use crate::Watcher;

/// A world's log with its truth, and the versions that learned from it.
pub struct World<'a> {
    /// The events, held-out part included.
    pub log: Arc<dyn EventSource>,
    /// What the data is.
    pub profile: &'a Profile,
    /// The folder of the world's manifest and held-out slates.
    pub truth: &'a Path,
    /// The versions.
    pub registry: &'a Registry,
    /// The families that make versions ready.
    pub families: ServedFamilies,
    /// What rankers compute in.
    pub precision: Precision,
    /// Seed of the random ranker and of the intervals.
    pub seed: u64,
    /// Told how it goes on.
    pub watcher: &'a dyn Watcher,
}
