//! A viewer's next request sees what their last one served.
//!
//! Served feeds are recorded by a side effect, after the answer has left. A viewer who asks for more at once would be served
//! the same posts again, so a request first waits, for a short time, until the viewer's own records are through.

use std::sync::Arc;
use std::time::Duration;

use foryou_types::UserId;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

/// How long a request waits for its viewer's own records.
const MAX_WAIT: Duration = Duration::from_millis(50);

/// The records under way, by viewer.
#[derive(Debug, Default)]
pub struct RecordsInFlight(Mutex<FxHashMap<UserId, Pending>>);

#[derive(Debug, Default)]
struct Pending {
    count: usize,
    done: Arc<Notify>,
}

/// A record under way; through when the last clone of the query that holds it is dropped.
#[derive(Debug)]
pub struct RecordInFlight {
    all: Arc<RecordsInFlight>,
    viewer: UserId,
}

impl RecordsInFlight {
    /// Announces a record.
    pub fn begin(self: &Arc<Self>, viewer: UserId) -> RecordInFlight {
        self.0.lock().entry(viewer).or_default().count += 1;
        RecordInFlight { all: Arc::clone(self), viewer }
    }

    /// Waits until the viewer has no record under way, at most 50 ms. Returns whether all are through.
    pub async fn settled(&self, viewer: UserId) -> bool {
        let Some(done) = self.0.lock().get(&viewer).map(|pending| Arc::clone(&pending.done)) else { return true };
        let settle = async {
            loop {
                let mut notified = std::pin::pin!(done.notified());
                // Registered before the look, so that an end between the two is not missed.
                notified.as_mut().enable();
                if !self.0.lock().contains_key(&viewer) {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(MAX_WAIT, settle).await.is_ok()
    }
}

impl Drop for RecordInFlight {
    fn drop(&mut self) {
        let mut all = self.all.0.lock();
        if let Some(pending) = all.get_mut(&self.viewer) {
            pending.count -= 1;
            if pending.count == 0 {
                pending.done.notify_waiters();
                all.remove(&self.viewer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_its_own_viewer_only_and_not_for_ever() {
        let writes = Arc::new(RecordsInFlight::default());
        let (one, two) = (writes.begin(UserId(1)), writes.begin(UserId(1)));
        assert!(writes.settled(UserId(2)).await);
        let start = tokio::time::Instant::now();
        assert!(!writes.settled(UserId(1)).await);
        assert_eq!(start.elapsed(), MAX_WAIT);

        drop(one);
        let waiting = tokio::spawn({
            let writes = Arc::clone(&writes);
            async move { writes.settled(UserId(1)).await }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(two);
        assert!(waiting.await.unwrap());
        assert_eq!(start.elapsed(), MAX_WAIT + Duration::from_millis(10));
        assert!(writes.0.lock().is_empty());
    }
}
