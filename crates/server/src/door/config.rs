//! Settings of the door: the table `[server]`, without the address.

use std::net::SocketAddr;
use std::thread::available_parallelism;
use std::time::Duration;

use foryou_types::ConfigError;
use serde::{Deserialize, Serialize};

/// Which requests are admitted, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DoorConfig {
    /// Allows an address that other machines reach, although there are no keys.
    pub insecure: bool,
    /// Host names, separated by commas, that requests may name in addition to loopback addresses.
    pub allowed_hosts: String,
    /// Requests of a kind (feeds, events) that run at the same time; 0 for two per core.
    pub max_concurrent: usize,
    /// How long a request waits for its turn, in milliseconds; then it is refused.
    pub max_wait_ms: u64,
    /// Time of a request from its last byte to the answer, in milliseconds.
    pub request_timeout_ms: u64,
    /// Time in which the headers of a request must arrive, in milliseconds.
    pub header_timeout_ms: u64,
    /// Time in which the body of a request must arrive, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long a connection without a request is kept, in milliseconds.
    pub idle_timeout_ms: u64,
    /// Connections at the same time; one more takes the place of the one that was idle longest.
    pub max_connections: usize,
    /// Size of a request's body, in bytes.
    pub max_body_bytes: usize,
}

/// Upper limit of `max_body_bytes`: 16 MiB.
const LARGEST_BODY: usize = 16 << 20;

impl Default for DoorConfig {
    fn default() -> Self {
        Self {
            insecure: false,
            allowed_hosts: String::new(),
            max_concurrent: 0,
            max_wait_ms: 250,
            request_timeout_ms: 10_000,
            header_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            idle_timeout_ms: 60_000,
            max_connections: 4_096,
            max_body_bytes: LARGEST_BODY,
        }
    }
}

impl DoorConfig {
    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let within = ConfigError::unless_within;
        const HOUR: u64 = 3_600_000;
        within("server.max_concurrent", self.max_concurrent as u64, 0, 4_096)?;
        within("server.max_wait_ms", self.max_wait_ms, 0, HOUR)?;
        within("server.request_timeout_ms", self.request_timeout_ms, 1, HOUR)?;
        within("server.header_timeout_ms", self.header_timeout_ms, 1, HOUR)?;
        within("server.body_timeout_ms", self.body_timeout_ms, 1, HOUR)?;
        within("server.idle_timeout_ms", self.idle_timeout_ms, 1, HOUR)?;
        within("server.max_connections", self.max_connections as u64, 1, 1_000_000)?;
        within("server.max_body_bytes", self.max_body_bytes as u64, 1_024, LARGEST_BODY as u64)
    }

    /// Why the service must not listen on an address; `None` if it may.
    ///
    /// There are no API keys yet: anyone who reaches the port can read every feed and write events.
    pub fn refused(&self, address: SocketAddr) -> Option<String> {
        let reachable = !address.ip().to_canonical().is_loopback();
        (reachable && !self.insecure).then(|| {
            format!(
                "{address} can be reached from other machines, and the service has no keys: anyone who reaches it could read \
                 every feed and write events. Listen on 127.0.0.1, put a proxy that checks its callers in front, or allow it \
                 with --insecure (server.insecure = true)"
            )
        })
    }

    /// Requests of a kind that run at the same time.
    pub(super) fn concurrent(&self) -> usize {
        match self.max_concurrent {
            // One request computes while another waits for the disk or a lock.
            0 => available_parallelism().map_or(1, usize::from).saturating_mul(2),
            n => n,
        }
    }

    pub(super) fn max_wait(&self) -> Duration {
        Duration::from_millis(self.max_wait_ms)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(super) fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub(super) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_named() {
        assert_eq!(DoorConfig::default().check(), Ok(()));
        let wrong = DoorConfig { max_connections: 0, ..DoorConfig::default() };
        let error = wrong.check().unwrap_err().to_string();
        assert_eq!(error, "server.max_connections: must be between 1 and 1000000, is 0");
        let wrong = DoorConfig { max_body_bytes: LARGEST_BODY + 1, ..DoorConfig::default() };
        assert_eq!(wrong.check().unwrap_err().key, "server.max_body_bytes");
    }

    #[test]
    fn only_loopback_is_listened_on_without_leave() {
        let door = DoorConfig::default();
        for address in ["127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(door.refused(address.parse().unwrap()), None, "{address}");
        }
        let open = DoorConfig { insecure: true, ..DoorConfig::default() };
        for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1", "[fe80::1]:1"] {
            let why = door.refused(address.parse().unwrap()).unwrap();
            assert!(why.contains(address) && why.contains("--insecure"), "{why}");
            assert_eq!(open.refused(address.parse().unwrap()), None, "{address}");
        }
    }
}
