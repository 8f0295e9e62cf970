//! From the event log to the store.
//!
//! Thunder is memory, so it never starts where a group of consumers left off: every partition of [`Topic::Posts`] is read from
//! the offset of `now - retention`. Each consumer thread owns its partitions; there are never more threads than partitions, and
//! with fewer each owns several. When all have reached the end once, every delete seen so far is applied again, and only then
//! is the store ready. From there on the threads follow the log's end.
//!
//! No error stops a partition: a record that cannot be read or applied is counted, logged with its offset and skipped. A panic is
//! caught and counted. If the log cannot be reached, it is tried again until it can.
//!
//! Posts are applied one by one as they are read, so there is no partial batch that could wait for more, and a reader looks at
//! the log every `poll_interval_ms`, so there is no signal that could be missed.

mod consumer;
mod gate;
mod light_post;
mod progress;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use event_log::{EventLog, LogError, Topic};
use foryou_io::Step;
use foryou_types::Clock;

pub use self::light_post::light_post;
pub use self::progress::IngestStats;

use self::consumer::{Context, Shared};
use crate::config::IngestConfig;
use crate::store::PostStore;

/// Fills a store from a log up to the log's present end, then returns: for a process that answers once.
///
/// It reads with the configured number of threads and fails where the log cannot be read at all.
pub fn bootstrap(
    log: &dyn EventLog,
    store: &PostStore,
    clock: &dyn Clock,
    config: &IngestConfig,
) -> Result<IngestStats, LogError> {
    let shared = Shared::new(log.partitions(Topic::Posts), config);
    let context = Context { log, store, clock, shared: &shared };
    thread::scope(|scope| {
        let others: Vec<_> = (1..shared.consumers())
            .map(|index| {
                let name = format!("thunder-ingest-{index}");
                // Where no thread can be had, this one does the work.
                thread::Builder::new()
                    .name(name)
                    .spawn_scoped(scope, move || context.catch_up(index))
                    .map_err(|_| index)
            })
            .collect();
        let mut outcome = context.catch_up(0);
        for other in others {
            let done = match other {
                // A panic inside was caught and counted where it happened.
                Ok(thread) => thread.join().unwrap_or(Ok(())),
                Err(index) => context.catch_up(index),
            };
            outcome = outcome.and(done);
        }
        outcome
    })?;
    Ok(context.stats())
}

/// Threads that fill a store from a log and then follow the log, until this is shut down or dropped.
pub struct Ingest {
    parts: Arc<Parts>,
    threads: Vec<JoinHandle<()>>,
}

struct Parts {
    log: Arc<dyn EventLog>,
    store: Arc<PostStore>,
    clock: Arc<dyn Clock>,
    shared: Shared,
}

impl Parts {
    fn context(&self) -> Context<'_> {
        Context { log: &*self.log, store: &self.store, clock: &*self.clock, shared: &self.shared }
    }
}

impl Ingest {
    /// Starts reading. It fails where no thread can be started.
    pub fn start(
        log: Arc<dyn EventLog>,
        store: Arc<PostStore>,
        clock: Arc<dyn Clock>,
        config: &IngestConfig,
    ) -> io::Result<Self> {
        let shared = Shared::new(log.partitions(Topic::Posts), config);
        let consumers = shared.consumers();
        let mut ingest = Self { parts: Arc::new(Parts { log, store, clock, shared }), threads: Vec::new() };
        for index in 0..consumers {
            let parts = Arc::clone(&ingest.parts);
            let builder = thread::Builder::new().name(format!("thunder-ingest-{index}"));
            ingest.threads.push(builder.spawn(move || parts.context().follow(index))?);
        }
        Ok(ingest)
    }

    /// Finished when the store has caught up and deletes have been applied again.
    pub fn readiness(&self) -> &Step {
        &self.parts.shared.readiness
    }

    /// Waits until the store is ready, at most `timeout`; says whether it is.
    pub fn wait_ready(&self, timeout: Duration) -> bool {
        self.readiness().wait_blocking(timeout)
    }

    /// Every post and delete of the log with `seq < position()` is applied.
    pub fn position(&self) -> u64 {
        self.parts.shared.progress.position()
    }

    /// Waits in a plain thread until every event with `seq < next_seq` is applied, at most `timeout`; says whether it is.
    pub fn wait_applied(&self, next_seq: u64, timeout: Duration) -> bool {
        self.parts.shared.progress.wait_blocking(next_seq, timeout)
    }

    /// Waits until every event with `seq < next_seq` is applied.
    pub async fn applied(&self, next_seq: u64) {
        self.parts.shared.progress.wait(next_seq).await;
    }

    /// What was read so far.
    pub fn stats(&self) -> IngestStats {
        self.parts.context().stats()
    }

    /// Stops the threads and waits for them; what they were applying is applied.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.parts.shared.stop();
        for thread in self.threads.drain(..) {
            // Panics are caught inside; one that was not was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
