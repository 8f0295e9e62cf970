//! Limits of the services.

use std::thread::available_parallelism;

use foryou_types::ConfigError;
use serde::{Deserialize, Serialize};

use crate::matrix::Precision;

/// How ranking and retrieval serve; the table `[phoenix.serving]` of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServingConfig {
    /// Requests of a kind computed at the same time; 0 for the number of cores.
    pub max_concurrent: usize,
    /// Requests of a kind that may wait for their turn; one more is refused.
    pub max_waiting: usize,
    /// Memory for the cached contexts of users and the scores computed under them, per ranker, in MB (10^6 bytes); 0 to compute every
    /// request from the start.
    pub context_cache_mb: u64,
    /// What rankers compute their layers' products in.
    pub precision: Precision,
    /// The registry is asked for promoted models this often, in milliseconds.
    pub registry_poll_ms: u64,
}

impl Default for ServingConfig {
    fn default() -> Self {
        // A context of the small model is up to 0.33 MB: about 800 users.
        Self {
            max_concurrent: 0,
            max_waiting: 256,
            context_cache_mb: 256,
            precision: Precision::F32,
            registry_poll_ms: 1_000,
        }
    }
}

impl ServingConfig {
    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let within = ConfigError::unless_within;
        within("phoenix.serving.max_concurrent", self.max_concurrent as u64, 0, 4_096)?;
        within("phoenix.serving.max_waiting", self.max_waiting as u64, 0, 1_000_000)?;
        within("phoenix.serving.context_cache_mb", self.context_cache_mb, 0, 1_000_000)?;
        within("phoenix.serving.registry_poll_ms", self.registry_poll_ms, 10, 3_600_000)
    }

    /// Requests of a kind computed at the same time.
    pub(super) fn concurrent(&self) -> usize {
        match self.max_concurrent {
            0 => available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_named() {
        assert_eq!(ServingConfig::default().check(), Ok(()));
        let bad = ServingConfig { registry_poll_ms: 0, ..ServingConfig::default() };
        assert_eq!(
            bad.check().unwrap_err().to_string(),
            "phoenix.serving.registry_poll_ms: must be between 10 and 3600000, is 0"
        );
        let two = ServingConfig { max_concurrent: 2, ..ServingConfig::default() };
        let cores = available_parallelism().unwrap().get();
        assert_eq!((two.concurrent(), ServingConfig::default().concurrent()), (2, cores));
    }
}
