//! One reader: reads its partitions to their end, then waits for more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

use foryou_io::{Signal, Step};

use super::gate::Gate;
use super::progress::{FollowStats, Progress};
use super::{Apply, FollowOptions, Start};
use crate::error::LogError;
use crate::event::Topic;
use crate::source::{EventSource, Record};

/// Events read before the place at the gate is offered to another reader.
const RECORDS_PER_TURN: usize = 1_024;

/// What the readers of one follower share.
pub(super) struct Shared {
    options: FollowOptions,
    threads: usize,
    gate: Gate,
    /// Readers that have not reached the end yet.
    behind: AtomicUsize,
    /// All partitions, and of each the next offset.
    places: Vec<(Topic, u16, AtomicU64)>,
    pub(super) progress: Progress,
}

impl Shared {
    pub(super) fn new(source: &dyn EventSource, options: &FollowOptions) -> Self {
        let of = |&topic: &Topic| (0..source.partitions(topic)).map(move |p| (topic, p, AtomicU64::new(0)));
        let places: Vec<_> = options.topics.iter().flat_map(of).collect();
        // A log without partitions still needs someone who finds that out.
        let threads = options.threads.clamp(1, places.len().max(1));
        Self {
            options: options.clone(),
            threads,
            gate: Gate::new(options.at_once),
            behind: AtomicUsize::new(threads),
            places,
            progress: Progress::new(threads),
        }
    }

    pub(super) const fn threads(&self) -> usize {
        self.threads
    }

    pub(super) const fn name(&self) -> &'static str {
        self.options.name
    }

    pub(super) const fn caught_up(&self) -> &Step {
        &self.options.caught_up
    }

    pub(super) fn stats(&self, source: &dyn EventSource) -> FollowStats {
        let lag = self
            .places
            .iter()
            .map(|(topic, partition, next)| source.end_offset(*topic, *partition).saturating_sub(next.load(Relaxed)));
        self.progress.stats(lag.sum())
    }
}

/// All a reader works with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) source: &'a dyn EventSource,
    pub(super) apply: &'a dyn Apply,
    pub(super) shared: &'a Shared,
}

impl Context<'_> {
    /// Reads the partitions of a reader to the log's present end.
    pub(super) fn read_once(&self, reader: usize, signal: &Signal) -> Result<(), LogError> {
        self.open(reader)?;
        let end = self.source.head().position;
        self.read_all(reader, None, signal)?;
        self.shared.progress.publish(reader, &end);
        self.caught_up();
        Ok(())
    }

    /// Reads the partitions of a reader, and continues until stopped.
    pub(super) fn follow(&self, reader: usize, signal: &Signal) {
        let progress = &self.shared.progress;
        let (mut is_open, mut is_caught_up) = (false, false);
        while !signal.is_stopped() {
            match catch_unwind(AssertUnwindSafe(|| self.round(reader, &mut is_open, &mut is_caught_up, signal))) {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => {
                    progress.read_errors.fetch_add(1, Relaxed);
                    tracing::warn!(%error, follower = self.shared.name(), "the log cannot be read; it is tried again");
                }
                Err(_) => {
                    progress.panics.fetch_add(1, Relaxed);
                    tracing::error!(follower = self.shared.name(), "a reader of the log panicked; it continues");
                }
            }
            signal.sleep(self.shared.options.poll);
        }
    }

    pub(super) fn stats(&self) -> FollowStats {
        self.shared.stats(self.source)
    }

    /// Reads everything there is, then waits for more.
    fn round(
        &self,
        reader: usize,
        is_open: &mut bool,
        is_caught_up: &mut bool,
        signal: &Signal,
    ) -> Result<(), LogError> {
        if !*is_open {
            self.open(reader)?;
            *is_open = true;
        }
        // Taken before the scan: what is appended meanwhile may be missed by it. A reader that finds nothing of its own has come
        // this far too.
        let end = self.source.head().position;
        self.read_all(reader, is_caught_up.then_some(&self.shared.gate), signal)?;
        if signal.is_stopped() {
            return Ok(());
        }
        self.shared.progress.publish(reader, &end);
        if !*is_caught_up {
            *is_caught_up = true;
            self.caught_up();
        }
        if reader == 0 {
            self.apply.report(&self.stats());
        }
        self.source.wait_past(&end, self.shared.options.poll);
        Ok(())
    }

    /// The places of a reader's partitions.
    fn places(&self, reader: usize) -> impl Iterator<Item = &(Topic, u16, AtomicU64)> {
        self.shared.places.iter().skip(reader).step_by(self.shared.threads)
    }

    /// Sets the partitions of a reader to their first offsets.
    fn open(&self, reader: usize) -> Result<(), LogError> {
        let Start::Since(oldest) = &self.shared.options.start else { return Ok(()) };
        let oldest = oldest();
        for (topic, partition, next) in self.places(reader) {
            next.store(self.source.offset_for_time(*topic, *partition, oldest)?, Relaxed);
        }
        Ok(())
    }

    fn read_all(&self, reader: usize, gate: Option<&Gate>, signal: &Signal) -> Result<(), LogError> {
        self.places(reader).try_for_each(|(topic, partition, next)| self.read(*topic, *partition, next, gate, signal))
    }

    /// Reads a partition up to the end it has now.
    fn read(
        &self,
        topic: Topic,
        partition: u16,
        place: &AtomicU64,
        gate: Option<&Gate>,
        signal: &Signal,
    ) -> Result<(), LogError> {
        let end = self.source.end_offset(topic, partition);
        let next = || place.load(Relaxed);
        while next() < end && !signal.is_stopped() {
            let held = gate.map(Gate::enter);
            let (before, mut turn) = (next(), 0);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                self.source.read_partition(topic, partition, before, &mut |record| {
                    place.store(record.offset + 1, Relaxed);
                    self.apply(&record);
                    turn += 1;
                    if turn % RECORDS_PER_TURN == 0 {
                        self.tell();
                    }
                    next() < end && !signal.is_stopped() && (gate.is_none() || turn < RECORDS_PER_TURN)
                })
            }));
            drop(held);
            match outcome {
                Ok(Ok(())) if next() > before => {}
                Ok(Ok(())) => self.skip(topic, partition, place, "the log has an end past it but does not give it"),
                Ok(Err(error @ LogError::Corrupt { .. })) => self.skip(topic, partition, place, &error.to_string()),
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    self.shared.progress.panics.fetch_add(1, Relaxed);
                    self.skip(topic, partition, place, "reading it panicked");
                }
            }
            self.tell();
        }
        Ok(())
    }

    /// Tells how far the first reading is.
    fn tell(&self) {
        let caught_up = self.shared.caught_up();
        if !caught_up.is_finished() {
            let stats = self.stats();
            let done = stats.records + stats.skipped;
            caught_up.reached(done, done + stats.lag);
        }
    }

    /// Leaves out the event that a place stands at.
    fn skip(&self, topic: Topic, partition: u16, place: &AtomicU64, why: &str) {
        self.count_skipped(topic, partition, place.load(Relaxed), why);
        place.fetch_add(1, Relaxed);
    }

    fn count_skipped(&self, topic: Topic, partition: u16, offset: u64, why: &str) {
        let skipped = self.shared.progress.skipped.fetch_add(1, Relaxed);
        // A damaged file can hold a million of them.
        if skipped < 10 || skipped.is_multiple_of(1_000) {
            let (follower, topic, skipped) = (self.shared.name(), topic.name(), skipped + 1);
            tracing::warn!(follower, topic, partition, offset, why, skipped, "an event is skipped");
        }
    }

    /// Applies an event; whatever happens in there, the reader continues.
    fn apply(&self, record: &Record) {
        let progress = &self.shared.progress;
        if catch_unwind(AssertUnwindSafe(|| self.apply.apply(record))).is_ok() {
            progress.saw(record.event.at);
        } else {
            progress.panics.fetch_add(1, Relaxed);
            self.count_skipped(record.topic, record.partition, record.offset, "applying it panicked");
        }
    }

    /// The last reader to reach the end says so.
    fn caught_up(&self) {
        if self.shared.behind.fetch_sub(1, SeqCst) == 1 {
            self.apply.caught_up();
            self.shared.caught_up().finish();
        }
    }
}
