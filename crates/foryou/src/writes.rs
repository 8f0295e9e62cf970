//! A full or failed disk while serving: readiness reports it, and writing is tried again until it works.

use std::sync::Arc;
use std::time::Duration;

use foryou_io::{Missing, Readiness};
use state_store::Ingestor;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Time between two tries.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// While events cannot be taken, reports `writes` as missing and tries to write again every second.
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
        // Writing blocks. Its own thread reports a panic; the next try still comes.
        let Ok(tried) = tokio::task::spawn_blocking(move || ingestor.recover()).await else { continue };
        match tried {
            Ok(()) => tracing::warn!("events can be written again"),
            Err(error) => {
                // Once, not every second.
                let error = error.to_string();
                if said != error {
                    tracing::error!(error, "events cannot be written; trying again every second");
                    said = error;
                }
            }
        }
    }
}
