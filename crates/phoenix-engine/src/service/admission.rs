//! The work of requests, off the async threads: so much at a time as there are cores, a bounded number waiting.

use foryou_io::{Admission, RunError};
use foryou_types::seams::SeamError;

use super::config::ServingConfig;

/// The places for requests of a kind.
pub(super) fn places(config: &ServingConfig) -> Admission {
    Admission::new(config.concurrent(), config.max_waiting)
}

/// What `work` answers when its turn comes; refused at once where too many wait for `what`.
pub(super) async fn run<T: Send + 'static>(
    places: &Admission,
    what: &'static str,
    work: impl FnOnce() -> Result<T, SeamError> + Send + 'static,
) -> Result<T, SeamError> {
    match places.run(work).await {
        Ok(answer) => answer,
        Err(RunError::Refused(_)) => Err(SeamError::Overloaded(format!("too many requests wait for {what}"))),
        Err(RunError::Panicked(why)) => Err(SeamError::Internal(format!("{what} failed: {why}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_and_a_panic_say_what_was_asked() {
        let none = places(&ServingConfig { max_concurrent: 1, max_waiting: 0, ..ServingConfig::default() });
        assert_eq!(run(&none, "ranking", || Ok(1)).await, Ok(1));
        let held = none.enter().await.unwrap();
        let refused = run(&none, "ranking", || Ok(2)).await;
        assert_eq!(refused, Err(SeamError::Overloaded("too many requests wait for ranking".to_owned())));
        drop(held);
        let failed = run(&none, "retrieval", || -> Result<u8, SeamError> { panic!("a bug") }).await.unwrap_err();
        assert!(matches!(&failed, SeamError::Internal(why) if why.starts_with("retrieval failed: ")), "{failed}");
        assert_eq!(run(&none, "ranking", || Ok(3)).await, Ok(3), "the place comes back");
    }
}
