//! A full or failed disk while serving: readiness says so, and writing is tried again until it works.

use std::sync::Arc;
use std::time::Duration;

use server::{Missing, Readiness};
use state_store::Ingestor;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How long it is waited between two tries.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Names `writes` among what is missing while events cannot be taken, and tries to write again every second while that is so.
/// Runs until it is dropped.
pub(crate) struct Writes(JoinHandle<()>);

impl Writes {
    /// Watches an ingestor. Must be called inside a runtime.
    pub(crate) fn watch(ingestor: &Arc<Ingestor>, readiness: &Readiness) -> Self {
        let watched = Arc::clone(ingestor);
        readiness.watch(move || watched.failing().then(|| Missing { part: "writes".to_owned(), ..Missing::default() }));
        Self(tokio::spawn(keep_trying(Arc::clone(ingestor))))
    }
}

impl Drop for Writes {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep_trying(ingestor: Arc<Ingestor>) {
    let mut every = tokio::time::interval(TRY_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = String::new();
    loop {
        every.tick().await;
        if !ingestor.failing() {
            said.clear();
            continue;
        }
        let ingestor = Arc::clone(&ingestor);
        // Writing blocks. A panic in it is reported by its own thread; the next try comes all the same.
        let Ok(tried) = tokio::task::spawn_blocking(move || ingestor.recover()).await else { continue };
        match tried {
            Ok(()) => tracing::warn!("events can be written again"),
            Err(error) => {
                // Once, not every second.
                let error = error.to_string();
                if said != error {
                    tracing::error!(error, "events cannot be written: it is tried again every second");
                    said = error;
                }
            }
        }
    }
}
