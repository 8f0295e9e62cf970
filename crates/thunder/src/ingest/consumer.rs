//! One consumer: reads its partitions to their end, then waits for more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use event_log::{EventBody, EventLog, LogError, Record, Topic};
use foryou_io::Step;
use foryou_types::{Clock, PostId};
use parking_lot::Mutex;

use super::gate::Gate;
use super::light_post::light_post;
use super::progress::{IngestStats, Progress};
use crate::config::IngestConfig;
use crate::store::{InsertOutcome, PostStore};

/// Records read before the place at the gate is offered to another consumer.
const RECORDS_PER_TURN: usize = 1_024;

/// What the consumers of one store share.
#[derive(Debug)]
pub(super) struct Shared {
    consumers: usize,
    poll: Duration,
    gate: Gate,
    stop: AtomicBool,
    /// Consumers that have not reached the end yet.
    behind: AtomicUsize,
    /// Deletes seen while catching up, to be applied again.
    deletes: Mutex<Vec<PostId>>,
    pub(super) progress: Progress,
    pub(super) readiness: Step,
}

impl Shared {
    pub(super) fn new(partitions: u16, config: &IngestConfig) -> Self {
        // A log without partitions still needs someone who finds that out.
        let consumers = config.consumer_threads.clamp(1, usize::from(partitions).max(1));
        Self {
            consumers,
            poll: Duration::from_millis(config.poll_interval_ms),
            gate: Gate::new(config.max_concurrent_after_catch_up),
            stop: AtomicBool::new(false),
            behind: AtomicUsize::new(consumers),
            deletes: Mutex::new(Vec::new()),
            progress: Progress::new(consumers, partitions),
            readiness: Step::new("thunder", "posts"),
        }
    }

    pub(super) const fn consumers(&self) -> usize {
        self.consumers
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, SeqCst);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(SeqCst)
    }

    fn is_catching_up(&self) -> bool {
        self.behind.load(SeqCst) > 0
    }
}

/// All a consumer works with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) log: &'a dyn EventLog,
    pub(super) store: &'a PostStore,
    pub(super) clock: &'a dyn Clock,
    pub(super) shared: &'a Shared,
}

/// A place in a partition.
struct Reader {
    partition: u16,
    next: u64,
}

impl Context<'_> {
    /// Reads the partitions of a consumer to the log's present end.
    pub(super) fn catch_up(&self, consumer: usize) -> Result<(), LogError> {
        let mut readers = self.open(consumer)?;
        let end = self.log.head().position.next_seq;
        readers.iter_mut().try_for_each(|reader| self.read(reader, None))?;
        self.shared.progress.publish(consumer, end);
        self.caught_up();
        Ok(())
    }

    /// Reads the partitions of a consumer, and continues reading until stopped.
    pub(super) fn follow(&self, consumer: usize) {
        let mut readers = None;
        let mut caught_up = false;
        while !self.shared.is_stopped() {
            let round = catch_unwind(AssertUnwindSafe(|| self.round(consumer, &mut readers, &mut caught_up)));
            match round {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => {
                    self.shared.progress.read_errors.fetch_add(1, Relaxed);
                    metrics::counter!("thunder_ingest_read_errors_total").increment(1);
                    tracing::warn!(consumer, %error, "thunder cannot read the log; trying again");
                }
                Err(_) => self.count_panic(),
            }
            thread::sleep(self.shared.poll);
        }
    }

    /// What was read so far.
    pub(super) fn stats(&self) -> IngestStats {
        let lag = self.shared.progress.offsets.iter().enumerate().map(|(partition, offset)| {
            self.log.end_offset(Topic::Posts, partition as u16).saturating_sub(offset.load(Relaxed))
        });
        self.shared.progress.stats(lag.sum(), self.clock.now().0)
    }

    /// Reads everything there is, then waits for more.
    fn round(&self, consumer: usize, readers: &mut Option<Vec<Reader>>, caught_up: &mut bool) -> Result<(), LogError> {
        let readers = match readers {
            Some(readers) => readers,
            None => readers.insert(self.open(consumer)?),
        };
        // Taken before the scan: what is appended meanwhile may be missed by it. A consumer that finds nothing of its own
        // has come this far too.
        let end = self.log.head().position.next_seq;
        let gate = caught_up.then_some(&self.shared.gate);
        readers.iter_mut().try_for_each(|reader| self.read(reader, gate))?;
        if self.shared.is_stopped() {
            return Ok(());
        }
        self.shared.progress.publish(consumer, end);
        if !*caught_up {
            *caught_up = true;
            self.caught_up();
        }
        if consumer == 0 {
            self.report();
        }
        self.log.wait_past(end, self.shared.poll);
        Ok(())
    }

    /// The partitions of a consumer, at the first offset that retention may keep.
    fn open(&self, consumer: usize) -> Result<Vec<Reader>, LogError> {
        let oldest = self.clock.now() - self.store.config().retention_ms();
        let partitions = self.log.partitions(Topic::Posts);
        (0..partitions)
            .filter(|partition| usize::from(*partition) % self.shared.consumers == consumer)
            .map(|partition| {
                let next = self.log.offset_for_time(Topic::Posts, partition, oldest)?;
                self.shared.progress.offsets[usize::from(partition)].store(next, Relaxed);
                Ok(Reader { partition, next })
            })
            .collect()
    }

    /// Reads a partition up to the end it has now.
    fn read(&self, reader: &mut Reader, gate: Option<&Gate>) -> Result<(), LogError> {
        let end = self.log.end_offset(Topic::Posts, reader.partition);
        while reader.next < end && !self.shared.is_stopped() {
            let place = gate.map(Gate::enter);
            let (before, mut turn) = (reader.next, 0);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                self.log.read_partition(Topic::Posts, reader.partition, reader.next, &mut |record| {
                    reader.next = record.offset + 1;
                    self.apply(&record);
                    turn += 1;
                    reader.next < end && !self.shared.is_stopped() && (gate.is_none() || turn < RECORDS_PER_TURN)
                })
            }));
            drop(place);
            match outcome {
                Ok(Ok(())) if reader.next > before => {}
                Ok(Ok(())) => self.skip(reader, "the log has an end past it but does not give it"),
                Ok(Err(error @ LogError::Corrupt { .. })) => self.skip(reader, &error.to_string()),
                Ok(Err(error)) => {
                    self.keep_offset(reader);
                    return Err(error);
                }
                Err(_) => {
                    self.count_panic();
                    self.skip(reader, "reading it panicked");
                }
            }
            self.keep_offset(reader);
        }
        Ok(())
    }

    fn keep_offset(&self, reader: &Reader) {
        self.shared.progress.offsets[usize::from(reader.partition)].store(reader.next, Relaxed);
    }

    /// Leaves out the record a reader stands at.
    fn skip(&self, reader: &mut Reader, why: &str) {
        let unreadable = self.shared.progress.unreadable.fetch_add(1, Relaxed);
        metrics::counter!("thunder_ingest_unreadable_total").increment(1);
        // A damaged file can hold a million of them.
        if unreadable < 10 || unreadable.is_multiple_of(1_000) {
            let (partition, offset) = (reader.partition, reader.next);
            tracing::warn!(partition, offset, why, unreadable = unreadable + 1, "thunder skips a record");
        }
        reader.next += 1;
    }

    /// Applies a record; whatever happens in there, the consumer continues.
    fn apply(&self, record: &Record) {
        if catch_unwind(AssertUnwindSafe(|| self.process(record))).is_err() {
            self.count_panic();
            let (partition, offset) = (record.partition, record.offset);
            tracing::error!(partition, offset, "thunder skips a record whose processing panicked");
        }
    }

    fn process(&self, record: &Record) {
        let progress = &self.shared.progress;
        let bump = |counter: &AtomicU64| counter.fetch_add(1, Relaxed);
        bump(&progress.records);
        match &record.event.body {
            EventBody::Post(post) => {
                bump(&progress.posts);
                if self.store.insert(light_post(record.event.at, post), self.clock.now()) == InsertOutcome::Stored {
                    bump(&progress.stored);
                }
            }
            EventBody::Delete { post_id } => {
                bump(&progress.deletes);
                self.store.mark_as_deleted(*post_id, self.clock.now());
                if self.shared.is_catching_up() {
                    self.shared.deletes.lock().push(*post_id);
                }
            }
            _ => {}
        }
        progress.saw(record.event.at.0);
    }

    /// The last consumer to reach the end applies the deletes again and opens the store.
    fn caught_up(&self) {
        if self.shared.behind.fetch_sub(1, SeqCst) > 1 {
            return;
        }
        let now = self.clock.now();
        for post_id in std::mem::take(&mut *self.shared.deletes.lock()) {
            self.store.mark_as_deleted(post_id, now);
        }
        self.shared.readiness.finish();
        let stats = self.store.stats();
        tracing::info!(posts = stats.posts, authors = stats.authors, deletes = stats.deletes, "thunder is ready");
    }

    fn count_panic(&self) {
        self.shared.progress.panics.fetch_add(1, Relaxed);
        metrics::counter!("thunder_ingest_panics_total").increment(1);
    }

    fn report(&self) {
        let stats = self.stats();
        metrics::gauge!("thunder_ingest_lag_records").set(stats.lag as f64);
        metrics::gauge!("thunder_ingest_records_per_second").set(stats.records_per_second);
        if let Some(freshness) = stats.freshness_ms {
            metrics::gauge!("thunder_ingest_freshness_seconds").set(freshness as f64 / 1_000.0);
        }
        metrics::counter!("thunder_ingest_records_total").absolute(stats.records);
        metrics::counter!("thunder_ingest_posts_total").absolute(stats.posts);
        metrics::counter!("thunder_ingest_stored_total").absolute(stats.stored);
        metrics::counter!("thunder_ingest_deletes_total").absolute(stats.deletes);
    }
}
