//! How far the consumers are, and what they met.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

/// What was read from the log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IngestStats {
    /// Every event with `seq <` this is applied.
    pub position: u64,
    /// Records read.
    pub records: u64,
    /// Posts among them.
    pub posts: u64,
    /// Posts the store took.
    pub stored: u64,
    /// Deletes among them.
    pub deletes: u64,
    /// Records that could not be read, skipped.
    pub unreadable: u64,
    /// Panics caught: records whose processing panicked are skipped.
    pub panics: u64,
    /// Times the log could not be reached.
    pub read_errors: u64,
    /// Records in the partitions that are not read yet.
    pub lag: u64,
    /// Milliseconds from the newest event applied to now; `None` before the first.
    pub freshness_ms: Option<i64>,
    /// Records a second, lately.
    pub records_per_second: f64,
}

/// Counters and positions shared by the consumers.
#[derive(Debug)]
pub(super) struct Progress {
    /// Per consumer, the `seq` its partitions are applied up to.
    scanned: Box<[AtomicU64]>,
    /// Per partition, the next offset.
    pub(super) offsets: Box<[AtomicU64]>,
    applied: Mutex<u64>,
    moved: Condvar,
    watch: watch::Sender<u64>,
    pub(super) records: AtomicU64,
    pub(super) posts: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) deletes: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) read_errors: AtomicU64,
    newest_at: AtomicI64,
    meter: Mutex<Meter>,
}

#[derive(Debug)]
struct Meter {
    since: Instant,
    records: u64,
    rate: f64,
}

impl Progress {
    pub(super) fn new(consumers: usize, partitions: u16) -> Self {
        Self {
            scanned: (0..consumers).map(|_| AtomicU64::new(0)).collect(),
            offsets: (0..partitions).map(|_| AtomicU64::new(0)).collect(),
            applied: Mutex::new(0),
            moved: Condvar::new(),
            watch: watch::Sender::new(0),
            records: AtomicU64::new(0),
            posts: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            deletes: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            read_errors: AtomicU64::new(0),
            newest_at: AtomicI64::new(i64::MIN),
            meter: Mutex::new(Meter { since: Instant::now(), records: 0, rate: 0.0 }),
        }
    }

    /// A consumer has applied everything of its partitions below `next_seq`.
    pub(super) fn publish(&self, consumer: usize, next_seq: u64) {
        self.scanned[consumer].fetch_max(next_seq, SeqCst);
        let mut applied = self.applied.lock();
        let lowest = self.scanned.iter().map(|seq| seq.load(SeqCst)).min().unwrap_or(0);
        if lowest > *applied {
            *applied = lowest;
            self.watch.send_replace(lowest);
            self.moved.notify_all();
        }
    }

    pub(super) fn position(&self) -> u64 {
        *self.applied.lock()
    }

    pub(super) fn wait_blocking(&self, next_seq: u64, timeout: Duration) -> bool {
        let mut applied = self.applied.lock();
        self.moved.wait_while_for(&mut applied, |applied| *applied < next_seq, timeout);
        *applied >= next_seq
    }

    pub(super) async fn wait(&self, next_seq: u64) {
        // The error says that the sender is gone; it lives as long as `self`.
        let _ = self.watch.subscribe().wait_for(|applied| *applied >= next_seq).await;
    }

    /// An event of this time was applied.
    pub(super) fn saw(&self, at: i64) {
        self.newest_at.fetch_max(at, Relaxed);
    }

    /// The counters; `lag` and `now` (milliseconds) come from the caller.
    pub(super) fn stats(&self, lag: u64, now: i64) -> IngestStats {
        let records = self.records.load(Relaxed);
        let newest_at = self.newest_at.load(Relaxed);
        IngestStats {
            position: self.position(),
            records,
            posts: self.posts.load(Relaxed),
            stored: self.stored.load(Relaxed),
            deletes: self.deletes.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            panics: self.panics.load(Relaxed),
            read_errors: self.read_errors.load(Relaxed),
            lag,
            freshness_ms: (newest_at > i64::MIN).then(|| now.saturating_sub(newest_at)),
            records_per_second: self.rate(records),
        }
    }

    /// The rate of the last second or longer.
    fn rate(&self, records: u64) -> f64 {
        let mut meter = self.meter.lock();
        let seconds = meter.since.elapsed().as_secs_f64();
        // Before the first full second, the rate since the start is the best there is.
        let recent = (records - meter.records) as f64 / seconds.max(1e-3);
        if seconds >= 1.0 {
            *meter = Meter { since: Instant::now(), records, rate: recent };
        }
        if meter.records == 0 { recent } else { meter.rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_that_of_the_slowest_consumer() {
        let progress = Progress::new(2, 4);
        progress.publish(0, 10);
        assert_eq!(progress.position(), 0);
        progress.publish(1, 7);
        assert_eq!(progress.position(), 7);
        progress.publish(1, 3);
        progress.publish(1, 12);
        assert_eq!(progress.position(), 10);
        assert!(progress.wait_blocking(10, Duration::ZERO));
        assert!(!progress.wait_blocking(11, Duration::from_millis(5)));
    }

    #[test]
    fn freshness_counts_from_the_newest_event() {
        let progress = Progress::new(1, 1);
        assert_eq!(progress.stats(3, 100).freshness_ms, None);
        progress.saw(60);
        progress.saw(40);
        let stats = progress.stats(3, 100);
        assert_eq!((stats.freshness_ms, stats.lag), (Some(40), 3));
    }
}
