//! From the event log to the store.
//!
//! Thunder is memory, so it never starts where a group of consumers left off: every partition of [`Topic::Posts`] is read from
//! the offset of `now - retention`, by the follower that everything uses ([`event_log::follow`]). When all partitions have reached the end
//! once, every delete seen so far is applied again, and only then is the store ready. From there on the threads follow the log's end.

mod intake;
mod light_post;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use event_log::follow::{FollowOptions, FollowStats, Follower, Start, read_to_end};
use event_log::{EventSource, LogError, Topic};
use foryou_io::Step;
use foryou_types::Clock;

pub use self::light_post::light_post;

use self::intake::Intake;
use crate::config::IngestConfig;
use crate::store::PostStore;

/// Fills a store from a log up to the log's present end, then returns: for a process that answers once. `ready` is finished then.
pub fn bootstrap(
    log: &dyn EventSource,
    store: &Arc<PostStore>,
    clock: &Arc<dyn Clock>,
    config: &IngestConfig,
    ready: &Step,
) -> Result<FollowStats, LogError> {
    let intake = Intake::new(Arc::clone(store), Arc::clone(clock));
    read_to_end(log, &intake, &options(store, clock, config, ready))
}

/// Fills a store from a log and then follows the log until it is dropped. `ready` is finished when the store has caught up and deletes
/// have been applied again.
pub fn follow(
    log: Arc<dyn EventSource>,
    store: &Arc<PostStore>,
    clock: &Arc<dyn Clock>,
    config: &IngestConfig,
    ready: &Step,
) -> io::Result<Follower> {
    let intake = Arc::new(Intake::new(Arc::clone(store), Arc::clone(clock)));
    Follower::start(log, intake, &options(store, clock, config, ready))
}

fn options(store: &Arc<PostStore>, clock: &Arc<dyn Clock>, config: &IngestConfig, ready: &Step) -> FollowOptions {
    let (retention_ms, clock) = (store.config().retention_ms(), Arc::clone(clock));
    FollowOptions {
        name: "thunder",
        topics: &[Topic::Posts],
        start: Start::Since(Arc::new(move || clock.now() - retention_ms)),
        threads: config.consumer_threads,
        at_once: config.max_concurrent_after_catch_up,
        poll: Duration::from_millis(config.poll_interval_ms),
        caught_up: ready.clone(),
    }
}
