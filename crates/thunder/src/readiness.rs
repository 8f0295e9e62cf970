//! Whether the store has caught up with the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// A flag that is raised once, watched by the service, the health endpoint and whoever waits for start-up.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<bool>>);

impl Readiness {
    /// Not ready until [`Self::set_ready`].
    pub fn pending() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Ready from the start: for a store that is filled before it is served.
    pub fn ready() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    /// Raises the flag for everyone who waits.
    pub fn set_ready(&self) {
        self.0.send_replace(true);
    }

    /// Whether the flag is up.
    pub fn is_ready(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the flag is up.
    pub async fn wait(&self) {
        // The error says that the sender is gone; this clone holds it.
        let _ = self.0.subscribe().wait_for(|ready| *ready).await;
    }

    /// Waits in a plain thread until the flag is up, at most `timeout`; says whether it is.
    ///
    /// It looks at the flag itself every few milliseconds, so there is no signal that could be missed.
    pub fn wait_blocking(&self, timeout: Duration) -> bool {
        let start = Instant::now();
        while !self.is_ready() {
            let Some(left) = timeout.checked_sub(start.elapsed()) else { return false };
            std::thread::sleep(left.min(Duration::from_millis(5)));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_the_flag_or_the_time() {
        let readiness = Readiness::pending();
        assert!(!readiness.wait_blocking(Duration::from_millis(10)));
        let other = readiness.clone();
        let setter = std::thread::spawn(move || other.set_ready());
        assert!(readiness.wait_blocking(Duration::from_secs(10)));
        setter.join().unwrap();
        assert!(Readiness::ready().is_ready());
    }

    #[tokio::test]
    async fn the_flag_wakes_tasks_that_came_before_and_after() {
        let readiness = Readiness::pending();
        let before = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.wait().await }
        });
        tokio::task::yield_now().await;
        readiness.set_ready();
        before.await.unwrap();
        readiness.wait().await;
    }
}
