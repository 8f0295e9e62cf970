//! What a stream lives through, and how.

use std::path::Path;

use event_log::EventSource;
use foryou_types::Profile;

use crate::{ExperimentError, Watcher};

/// A log to live through.
pub struct Stream<'a> {
    /// The events.
    pub log: &'a dyn EventSource,
    /// What the data is.
    pub profile: &'a Profile,
    /// The kind of set.
    pub name: &'a str,
    /// The checksum of the set's files.
    pub checksum: &'a str,
    /// The folder of the stream: its progress, and the runs of its models. It is made if it is missing.
    pub folder: &'a Path,
    /// How to live through it.
    pub options: &'a StreamOptions,
    /// Told how it goes on.
    pub watcher: &'a dyn Watcher,
}

/// How to live through a log.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamOptions {
    /// The last part of the log, which is predicted, as a share of its actions (or impressions); above 0, below 1.
    pub share: f64,
    /// Predict only every n-th event that could be predicted; `None`: 5 for actions, 1 for impressions.
    pub every: Option<u64>,
    /// Time of the log between two refreshes of the models, in milliseconds.
    pub train_every_ms: i64,
    /// How far the first training looks back, in milliseconds; `None`: to the beginning.
    pub learn_from_ms: Option<i64>,
    /// Most posts that the ranker scores.
    pub shortlist: usize,
    /// The log's time passes this many times as fast as the machine's; `None`: as fast as possible.
    pub speed: Option<f64>,
    /// Settings of the trainings, `MODEL.KEY=VALUE`.
    pub settings: Vec<String>,
    /// Delete the progress of a stream that was begun in the folder.
    pub restart: bool,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Threads of a training; part of what determines the result.
    pub threads: usize,
}

impl StreamOptions {
    /// Refuses values out of range.
    pub fn check(&self) -> Result<(), ExperimentError> {
        let wrong = |text: String| Err(ExperimentError::Usage(text));
        if !(self.share > 0.0 && self.share < 1.0) {
            return wrong(format!("--test-share {}: must be between 0 and 1", self.share));
        }
        match self.speed {
            Some(speed) if !(speed.is_finite() && speed > 0.0) => wrong(format!("--speed {speed}: must be positive")),
            _ => Ok(()),
        }
    }
}
