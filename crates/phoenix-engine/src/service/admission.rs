//! Admission of requests, and the threads that their work runs on.

use std::sync::Arc;

use foryou_types::seams::SeamError;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::config::ServingConfig;

/// Runs work off the async threads: so much at a time as there are cores, a bounded number waiting, the rest refused at once.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Admission {
    pub(super) fn new(config: &ServingConfig) -> Self {
        let running = config.concurrent();
        let places = running.saturating_add(config.max_waiting).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), running: Arc::new(Semaphore::new(running)) }
    }

    /// What `work` answers. Dropped while it waits, it gives up its place; dropped later, the work is finished for nobody.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce() -> Result<T, SeamError> + Send + 'static,
    ) -> Result<T, SeamError> {
        let overloaded = |_| SeamError::Overloaded(format!("too many requests wait for {what}"));
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(overloaded)?;
        let closed = |_| SeamError::Unavailable(format!("{what} is shut down"));
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(closed)?;
        let done = spawn_blocking(move || {
            // Held by the work and not by the caller, who may be gone long before the core is free again.
            let _held = (place, turn);
            work()
        });
        done.await.unwrap_or_else(|error| Err(SeamError::Internal(format!("{what} failed: {error}"))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc;

    use super::*;

    fn admission(max_concurrent: usize, max_waiting: usize) -> Arc<Admission> {
        Arc::new(Admission::new(&ServingConfig { max_concurrent, max_waiting, ..ServingConfig::default() }))
    }

    #[tokio::test]
    async fn what_finds_no_place_is_refused_and_places_come_back() {
        let admission = admission(1, 1);
        let (release, blocked) = mpsc::channel::<()>();
        let run = |work: Box<dyn FnOnce() -> Result<u8, SeamError> + Send>| {
            let admission = Arc::clone(&admission);
            tokio::spawn(async move { admission.run("ranking", work).await })
        };
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let first = run(Box::new(move || {
            begun.send(()).unwrap();
            blocked.recv().unwrap();
            Ok(1)
        }));
        has_begun.await.unwrap();
        let second = run(Box::new(|| Ok(2)));
        while admission.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let third = admission.run("ranking", || Ok(3)).await;
        assert_eq!(third, Err(SeamError::Overloaded("too many requests wait for ranking".to_owned())));
        // Who gives up while waiting gives up the place too.
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        let fourth = run(Box::new(|| Ok(4)));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(fourth.await.unwrap(), Ok(4));
        assert_eq!(admission.places.available_permits(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_than_the_cores_run_at_a_time() {
        let admission = admission(2, 100);
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (admission, inside, most) = (admission.clone(), inside.clone(), most.clone());
                tokio::spawn(async move {
                    let work = move || {
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                        Ok(())
                    };
                    admission.run("ranking", work).await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(()));
        }
        assert!((1..=2).contains(&most.load(SeqCst)));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_costs_no_place() {
        let admission = admission(1, 0);
        for _ in 0..3 {
            let outcome = admission.run::<()>("ranking", || panic!("a bug")).await;
            assert!(matches!(outcome, Err(SeamError::Internal(why)) if why.contains("a bug")));
        }
    }
}
