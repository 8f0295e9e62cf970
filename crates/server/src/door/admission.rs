//! Which requests run: a limited number of each kind at a time, a short queue, and the rest refused at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::DoorConfig;
use super::refusal::Refusal;
use super::route::Class;

/// Requests that may wait, per request that may run. The queue only has to bridge the time until the next one is done.
const WAITING_PER_RUNNING: usize = 8;
/// Cheap requests and calls of Thunder and Phoenix that may run at a time, per feed that may run.
const OTHERS_PER_RUNNING: usize = 16;

/// The limits of all kinds of requests.
#[derive(Debug)]
pub(super) struct Admission {
    feed: Limit,
    events: Limit,
    other: Limit,
}

/// A permit to run, held until it is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    _held: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Admission {
    pub(super) fn new(config: &DoorConfig) -> Self {
        let (running, wait) = (config.concurrent(), config.max_wait());
        let queue = running.saturating_mul(WAITING_PER_RUNNING);
        Self {
            feed: Limit::new(running, queue, wait),
            events: Limit::new(running, queue, wait),
            other: Limit::new(running.saturating_mul(OTHERS_PER_RUNNING), 0, wait),
        }
    }

    /// Waits for a request's turn, or refuses it.
    pub(super) async fn enter(&self, class: Class) -> Result<Pass, Refusal> {
        let limit = match class {
            Class::Free => return Ok(Pass { _held: None }),
            Class::Feed => &self.feed,
            Class::Events => &self.events,
            Class::Other => &self.other,
        };
        limit.enter().await
    }
}

#[derive(Debug)]
struct Limit {
    /// Requests that run or wait.
    places: Arc<Semaphore>,
    /// Permits to run, first come first served.
    running: Arc<Semaphore>,
    wait: Duration,
}

impl Limit {
    fn new(running: usize, waiting: usize, wait: Duration) -> Self {
        let places = running.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            running: Arc::new(Semaphore::new(running.min(Semaphore::MAX_PERMITS))),
            wait,
        }
    }

    async fn enter(&self) -> Result<Pass, Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let turn = tokio::time::timeout(self.wait, Arc::clone(&self.running).acquire_owned());
        // The semaphore is never closed.
        let turn = turn.await.map_err(|_| Refusal::WaitedTooLong)?.map_err(|_| Refusal::Busy)?;
        Ok(Pass { _held: Some((place, turn)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn some_run_a_few_wait_and_the_rest_is_refused_at_once() {
        let limit = Arc::new(Limit::new(1, 1, Duration::from_mins(1)));
        let first = limit.enter().await.unwrap();
        let second = tokio::spawn({
            let limit = Arc::clone(&limit);
            async move { limit.enter().await }
        });
        while limit.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(limit.enter().await.unwrap_err(), Refusal::Busy);
        drop(first);
        let second = second.await.unwrap().unwrap();
        // A request that gives up while waiting returns its place.
        let third = tokio::time::timeout(Duration::from_millis(5), limit.enter()).await;
        assert!(third.is_err());
        drop(second);
        assert_eq!((limit.places.available_permits(), limit.running.available_permits()), (2, 1));
    }

    #[tokio::test]
    async fn waiting_ends() {
        let limit = Limit::new(1, 8, Duration::from_millis(5));
        let _first = limit.enter().await.unwrap();
        assert_eq!(limit.enter().await.unwrap_err(), Refusal::WaitedTooLong);
        assert_eq!(limit.places.available_permits(), 8);
    }

    #[tokio::test]
    async fn kinds_do_not_take_places_from_each_other() {
        let admission = Admission::new(&DoorConfig { max_concurrent: 1, max_wait_ms: 0, ..DoorConfig::default() });
        let _feed = admission.enter(Class::Feed).await.unwrap();
        assert_eq!(admission.enter(Class::Feed).await.unwrap_err(), Refusal::WaitedTooLong);
        let _events = admission.enter(Class::Events).await.unwrap();
        let _other = admission.enter(Class::Other).await.unwrap();
        let _free = admission.enter(Class::Free).await.unwrap();
    }
}
