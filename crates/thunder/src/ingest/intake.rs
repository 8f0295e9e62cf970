//! What the events of posts do to a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

use event_log::follow::{Apply, FollowStats};
use event_log::{EventBody, Record};
use foryou_types::{Clock, PostId};
use parking_lot::Mutex;

use super::light_post::light_post;
use crate::store::{InsertOutcome, PostStore};

/// Puts posts into a store and takes deleted ones out.
pub(super) struct Intake {
    store: Arc<PostStore>,
    clock: Arc<dyn Clock>,
    is_caught_up: AtomicBool,
    /// Deletes seen while catching up, to be applied again.
    deleted: Mutex<Vec<PostId>>,
    posts: AtomicU64,
    stored: AtomicU64,
    deletes: AtomicU64,
}

impl Intake {
    pub(super) fn new(store: Arc<PostStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            is_caught_up: AtomicBool::new(false),
            deleted: Mutex::default(),
            posts: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            deletes: AtomicU64::new(0),
        }
    }
}

impl Apply for Intake {
    fn apply(&self, record: &Record) {
        match &record.event.body {
            EventBody::Post(post) => {
                self.posts.fetch_add(1, Relaxed);
                if self.store.insert(light_post(record.event.at, post), self.clock.now()) == InsertOutcome::Stored {
                    self.stored.fetch_add(1, Relaxed);
                }
            }
            EventBody::Delete { post_id } => {
                self.deletes.fetch_add(1, Relaxed);
                self.store.mark_as_deleted(*post_id, self.clock.now());
                if !self.is_caught_up.load(SeqCst) {
                    self.deleted.lock().push(*post_id);
                }
            }
            _ => {}
        }
    }

    /// Applies the deletes again: what they delete may have come after them, from another partition.
    fn caught_up(&self) {
        self.is_caught_up.store(true, SeqCst);
        let now = self.clock.now();
        for post_id in std::mem::take(&mut *self.deleted.lock()) {
            self.store.mark_as_deleted(post_id, now);
        }
        let stats = self.store.stats();
        tracing::info!(posts = stats.posts, authors = stats.authors, deletes = stats.deletes, "thunder is ready");
    }

    fn report(&self, stats: &FollowStats) {
        metrics::gauge!("thunder_ingest_lag_records").set(stats.lag as f64);
        metrics::gauge!("thunder_ingest_records_per_second").set(stats.records_per_second);
        if let Some(newest) = stats.newest_at {
            metrics::gauge!("thunder_ingest_freshness_seconds").set(self.clock.now().since(newest) as f64 / 1_000.0);
        }
        let counters = [
            ("thunder_ingest_records_total", stats.records),
            ("thunder_ingest_posts_total", self.posts.load(Relaxed)),
            ("thunder_ingest_stored_total", self.stored.load(Relaxed)),
            ("thunder_ingest_deletes_total", self.deletes.load(Relaxed)),
            ("thunder_ingest_unreadable_total", stats.skipped),
            ("thunder_ingest_panics_total", stats.panics),
            ("thunder_ingest_read_errors_total", stats.read_errors),
        ];
        for (name, count) in counters {
            metrics::counter!(name).absolute(count);
        }
    }
}
