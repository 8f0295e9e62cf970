//! Every number of Thunder, with the value its specification gives it.

use foryou_types::ConfigError;
use serde::{Deserialize, Serialize};

/// All of Thunder's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThunderConfig {
    /// What the store keeps and answers.
    pub store: StoreConfig,
    /// What the service admits.
    pub service: ServiceConfig,
    /// How the log is read.
    pub ingest: IngestConfig,
}

impl ThunderConfig {
    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.store.check()?;
        self.service.check()?;
        self.ingest.check()
    }
}

/// What the store keeps and answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Age up to which posts are kept and deletes remembered, in seconds. 172,800: two days.
    pub post_retention_seconds: i64,
    /// A whole round of trimming is spread over this many seconds. 120.
    pub trim_interval_seconds: u64,
    /// How far a post's time may lie after now, in seconds, for clocks that disagree. 5.
    pub clock_skew_seconds: i64,
    /// Posts in an answer at most. 1,200.
    pub max_results: usize,
    /// Posts in the answer to a video request at most. 600.
    pub max_video_results: usize,
    /// Followed accounts looked at; a longer list is cut, with a warning. 10,000.
    pub max_following: usize,
    /// Excluded posts heeded; a longer list is cut, with a warning. 10,000.
    pub max_excluded: usize,
    /// Originals of one author in an answer at most, after filtering. 50.
    pub max_originals_per_author: usize,
    /// Replies and reposts of one author in an answer at most, after filtering. 30.
    pub max_secondary_per_author: usize,
    /// Posts of one author in the answer to a video request at most, after filtering. 100.
    pub max_videos_per_author: usize,
    /// Newest live entries of one list that a lookup scans. 500.
    pub max_scanned_per_timeline: usize,
    /// Entries one list (an author's originals, secondary posts or videos) holds; the oldest is evicted. 5,000.
    pub max_timeline_entries: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            post_retention_seconds: 172_800,
            trim_interval_seconds: 120,
            clock_skew_seconds: 5,
            max_results: 1_200,
            max_video_results: 600,
            max_following: 10_000,
            max_excluded: 10_000,
            max_originals_per_author: 50,
            max_secondary_per_author: 30,
            max_videos_per_author: 100,
            max_scanned_per_timeline: 500,
            max_timeline_entries: 5_000,
        }
    }
}

impl StoreConfig {
    /// Retention in milliseconds.
    pub(crate) const fn retention_ms(&self) -> i64 {
        self.post_retention_seconds.saturating_mul(1_000)
    }

    /// Clock skew in milliseconds.
    pub(crate) const fn skew_ms(&self) -> i64 {
        self.clock_skew_seconds.saturating_mul(1_000)
    }

    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let positive = "must be at least 1";
        let checks = [
            (self.post_retention_seconds >= 1, "thunder.store.post_retention_seconds", positive),
            (self.trim_interval_seconds >= 1, "thunder.store.trim_interval_seconds", positive),
            (self.clock_skew_seconds >= 0, "thunder.store.clock_skew_seconds", "must not be negative"),
            (self.max_results >= 1, "thunder.store.max_results", positive),
            (self.max_video_results >= 1, "thunder.store.max_video_results", positive),
            (self.max_following >= 1, "thunder.store.max_following", positive),
            (self.max_originals_per_author >= 1, "thunder.store.max_originals_per_author", positive),
            (self.max_secondary_per_author >= 1, "thunder.store.max_secondary_per_author", positive),
            (self.max_videos_per_author >= 1, "thunder.store.max_videos_per_author", positive),
            (self.max_scanned_per_timeline >= 1, "thunder.store.max_scanned_per_timeline", positive),
            (
                (1..=u32::MAX as usize / 4).contains(&self.max_timeline_entries),
                "thunder.store.max_timeline_entries",
                "must be between 1 and 2^30",
            ),
        ];
        first_problem(&checks)
    }
}

/// What the service admits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceConfig {
    /// Lookups at the same time; one more is refused at once. 64: enough to keep many cores busy with lookups of under a
    /// millisecond, few enough that none waits long for a core.
    pub max_concurrent_requests: usize,
    /// Lookups per second in the long run; one more is refused at once. 0 for no limit. 10,000.
    pub max_requests_per_second: u32,
    /// Lookups that may come at once after a pause. 1,000.
    pub request_burst: u32,
    /// Time of a lookup in milliseconds, after which it answers with what it has, marked as partial. 0 for no limit. 0.
    pub lookup_deadline_ms: u64,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            max_concurrent_requests: 64,
            max_requests_per_second: 10_000,
            request_burst: 1_000,
            lookup_deadline_ms: 0,
        }
    }
}

impl ServiceConfig {
    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        first_problem(&[
            (
                (1..=1 << 20).contains(&self.max_concurrent_requests),
                "thunder.service.max_concurrent_requests",
                "must be between 1 and 2^20",
            ),
            (self.request_burst >= 1, "thunder.service.request_burst", "must be at least 1"),
        ])
    }
}

/// How the log is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    /// Threads that read the log, each its own partitions; threads beyond the number of partitions are not started. 2.
    pub consumer_threads: usize,
    /// Of those, how many may work at the same time once the store has caught up, so that serving keeps its cores. 1.
    pub max_concurrent_after_catch_up: usize,
    /// How long a reader waits for news before it looks again, in milliseconds: the longest a lost wake-up or a shutdown
    /// can take. 100.
    pub poll_interval_ms: u64,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self { consumer_threads: 2, max_concurrent_after_catch_up: 1, poll_interval_ms: 100 }
    }
}

impl IngestConfig {
    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let positive = "must be at least 1";
        first_problem(&[
            (self.consumer_threads >= 1, "thunder.ingest.consumer_threads", positive),
            (self.max_concurrent_after_catch_up >= 1, "thunder.ingest.max_concurrent_after_catch_up", positive),
            (self.poll_interval_ms >= 1, "thunder.ingest.poll_interval_ms", positive),
        ])
    }
}

fn first_problem(checks: &[(bool, &'static str, &'static str)]) -> Result<(), ConfigError> {
    match checks.iter().find(|(good, ..)| !good) {
        Some(&(_, key, problem)) => Err(ConfigError { key, problem: problem.to_owned() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_specifications() {
        let store = StoreConfig::default();
        assert_eq!((store.max_results, store.max_video_results), (1_200, 600));
        assert_eq!((store.max_following, store.max_excluded), (10_000, 10_000));
        assert_eq!(
            (store.max_originals_per_author, store.max_secondary_per_author, store.max_videos_per_author),
            (50, 30, 100)
        );
        assert_eq!((store.max_scanned_per_timeline, store.max_timeline_entries), (500, 5_000));
        assert_eq!((store.post_retention_seconds, store.trim_interval_seconds), (172_800, 120));
        assert_eq!(store.clock_skew_seconds, 5);
        assert_eq!(ThunderConfig::default().check(), Ok(()));
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        let config: ThunderConfig = toml::from_str("[store]\npost_retention_seconds = 60").unwrap();
        assert_eq!(config.store, StoreConfig { post_retention_seconds: 60, ..StoreConfig::default() });
        let unknown = toml::from_str::<ThunderConfig>("[store]\nretention = 60").unwrap_err();
        assert!(unknown.to_string().contains("retention"));
        let bad = StoreConfig { max_timeline_entries: 0, ..StoreConfig::default() };
        assert_eq!(
            bad.check().unwrap_err().to_string(),
            "thunder.store.max_timeline_entries: must be between 1 and 2^30"
        );
        let idle = IngestConfig { consumer_threads: 0, ..IngestConfig::default() };
        assert_eq!(idle.check().unwrap_err().key, "thunder.ingest.consumer_threads");
    }
}
