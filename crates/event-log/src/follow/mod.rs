//! Following a log: whatever is computed from events goes through here.
//!
//! * [`Follower`]: threads that read the partitions of some topics and hand each event to an [`Apply`], until it is dropped. It owns
//!   the waiting, the position, the notice that the end was reached, and the counting of what could not be applied.
//! * [`read_to_end`]: the same once, up to the log's present end.
//! * [`catch_up`]: for a [`Projection`], which keeps its position together with what it computed.
//! * [`Follows`]: how far somebody is, and the wait for it.
//!
//! No event stops a follower: one that cannot be read or applied is counted, logged with its topic, partition and offset, and skipped. A
//! panic is caught and counted. If the log cannot be reached, it is tried again until it can. A projection is different: it is the
//! record of what the log says, so what it cannot read is an error.
//!
//! Events are applied one by one as they are read, so there is no partial batch that could wait for more, and a reader looks at the
//! log every [`FollowOptions::poll`], so there is no signal that could be missed.

mod gate;
mod progress;
mod projection;
mod reader;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use foryou_io::{Background, Signal, Step};
use foryou_types::TimeMs;

pub use self::progress::FollowStats;
pub use self::projection::{Projection, catch_up};

use self::reader::{Context, Shared};
use crate::error::LogError;
use crate::event::Topic;
use crate::position::Position;
use crate::source::{EventSource, Record};

/// What the events of a log are applied to.
pub trait Apply: Send + Sync {
    /// Applies an event. Called from several threads at the same time; the events of one partition come in their order.
    fn apply(&self, record: &Record);

    /// Every partition was read to the end that the log had when its reading began. Called once, before anybody is told.
    fn caught_up(&self) {}

    /// Is told of the progress now and then, for metrics.
    fn report(&self, _stats: &FollowStats) {}
}

/// How far somebody who follows a log is.
pub trait Follows: Send + Sync {
    /// Its name, as `degraded` and the metrics give it.
    fn name(&self) -> &'static str;

    /// Everything before this position is applied.
    fn position(&self) -> Position;

    /// Waits until everything before `position` is applied, at most `timeout`; says whether it is.
    fn wait_for(&self, position: &Position, timeout: Duration) -> bool;
}

/// Where reading begins.
#[derive(Clone)]
pub enum Start {
    /// At the first event.
    Beginning,
    /// At the first event that is not older than a moment, which is asked for when the reading begins.
    Since(Arc<dyn Fn() -> TimeMs + Send + Sync>),
}

/// How a log is followed.
#[derive(Clone)]
pub struct FollowOptions {
    /// Who follows: in thread names, messages and metrics.
    pub name: &'static str,
    /// What is read.
    pub topics: &'static [Topic],
    /// From where.
    pub start: Start,
    /// Threads, each with its own partitions; threads beyond the number of partitions are not started.
    pub threads: usize,
    /// Threads that may work at the same time once the end was reached.
    pub at_once: usize,
    /// How long a reader waits for news before it looks again.
    pub poll: Duration,
    /// Is told the progress, and finished when the end was reached.
    pub caught_up: Step,
}

/// Applies what the log holds now, then returns: for a process that answers once. It fails where the log cannot be read at all.
pub fn read_to_end(
    source: &dyn EventSource,
    apply: &dyn Apply,
    options: &FollowOptions,
) -> Result<FollowStats, LogError> {
    let shared = Shared::new(source, options);
    let context = Context { source, apply, shared: &shared };
    thread::scope(|scope| {
        let others: Vec<_> = (1..shared.threads())
            .map(|index| {
                let builder = thread::Builder::new().name(format!("{}-reader-{index}", options.name));
                // Where no thread can be had, this one does the work.
                builder.spawn_scoped(scope, move || context.read_once(index, &Signal::default())).map_err(|_| index)
            })
            .collect();
        let mut outcome = context.read_once(0, &Signal::default());
        for other in others {
            let done = match other {
                // A panic inside was caught and counted where it happened.
                Ok(thread) => thread.join().unwrap_or(Ok(())),
                Err(index) => context.read_once(index, &Signal::default()),
            };
            outcome = outcome.and(done);
        }
        outcome
    })?;
    let stats = context.stats();
    apply.report(&stats);
    Ok(stats)
}

/// Threads that follow a log until this is dropped.
pub struct Follower {
    source: Arc<dyn EventSource>,
    shared: Arc<Shared>,
    threads: Vec<Background>,
}

impl Follower {
    /// Starts reading. It fails where no thread can be started.
    pub fn start(source: Arc<dyn EventSource>, apply: Arc<dyn Apply>, options: &FollowOptions) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(&*source, options));
        let mut threads = Vec::new();
        for index in 0..shared.threads() {
            let (source, apply, shared) = (Arc::clone(&source), Arc::clone(&apply), Arc::clone(&shared));
            threads.push(Background::start(&format!("{}-reader-{index}", options.name), move |signal| {
                Context { source: &*source, apply: &*apply, shared: &shared }.follow(index, signal);
            })?);
        }
        Ok(Self { source, shared, threads })
    }

    /// Finished when the log's end was reached once.
    pub fn caught_up(&self) -> &Step {
        self.shared.caught_up()
    }

    /// What was read so far.
    pub fn stats(&self) -> FollowStats {
        self.shared.stats(&*self.source)
    }
}

impl Follows for Follower {
    fn name(&self) -> &'static str {
        self.shared.name()
    }

    fn position(&self) -> Position {
        self.shared.progress.position()
    }

    fn wait_for(&self, position: &Position, timeout: Duration) -> bool {
        self.shared.progress.wait_for(position, timeout)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // All are told before the first is waited for.
        self.threads.iter().for_each(Background::stop);
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("name", &self.name()).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
