//! Admission of lookups: a bound on concurrency and a bound on the rate. Both refuse at once; nothing ever queues.

use std::sync::Arc;
use std::time::Instant;

use foryou_types::seams::SeamError;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::ServiceConfig;

/// Lets requests in or refuses them.
#[derive(Debug)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    bucket: Option<TokenBucket>,
}

impl Admission {
    pub(crate) fn new(config: &ServiceConfig, now: Instant) -> Self {
        let bucket = (config.max_requests_per_second > 0)
            .then(|| TokenBucket::new(config.max_requests_per_second, config.request_burst, now));
        Self { permits: Arc::new(Semaphore::new(config.max_concurrent_requests)), bucket }
    }

    /// A permit to run one request, held until it is dropped. The rate is asked last: a request that finds no permit costs no
    /// token.
    pub(crate) fn admit(&self, now: Instant) -> Result<OwnedSemaphorePermit, SeamError> {
        let permit = Arc::clone(&self.permits)
            .try_acquire_owned()
            .map_err(|_| SeamError::Overloaded("too many lookups at the same time".to_owned()))?;
        match &self.bucket {
            Some(bucket) if !bucket.take(now) => Err(SeamError::Overloaded("too many lookups per second".to_owned())),
            _ => Ok(permit),
        }
    }
}

/// A token bucket: `rate` tokens a second flow in, at most `burst` stay, each request takes one.
#[derive(Debug)]
struct TokenBucket {
    rate: f64,
    burst: f64,
    state: Mutex<(f64, Instant)>,
}

impl TokenBucket {
    fn new(rate: u32, burst: u32, now: Instant) -> Self {
        Self { rate: rate.into(), burst: burst.into(), state: Mutex::new((burst.into(), now)) }
    }

    fn take(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let passed = now.saturating_duration_since(state.1).as_secs_f64();
        state.0 = (state.0 + passed * self.rate).min(self.burst);
        state.1 = state.1.max(now);
        let granted = state.0 >= 1.0;
        if granted {
            state.0 -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_bucket_refills_at_its_rate_up_to_its_burst() {
        let start = Instant::now();
        let bucket = TokenBucket::new(10, 2, start);
        assert_eq!([0; 3].map(|_: i32| bucket.take(start)), [true, true, false]);
        // A tenth of a second brings one token.
        let later = start + Duration::from_millis(100);
        assert_eq!([0; 2].map(|_: i32| bucket.take(later)), [true, false]);
        // An hour brings no more than the burst.
        let much_later = start + Duration::from_hours(1);
        assert_eq!([0; 3].map(|_: i32| bucket.take(much_later)), [true, true, false]);
        // Time that seems to go back brings nothing and breaks nothing.
        assert!(!bucket.take(start));
    }

    #[test]
    fn a_permit_is_given_back_when_dropped_and_costs_no_token_when_refused() {
        let config = ServiceConfig {
            max_concurrent_requests: 1,
            max_requests_per_second: 1,
            request_burst: 2,
            ..ServiceConfig::default()
        };
        let now = Instant::now();
        let admission = Admission::new(&config, now);
        let held = admission.admit(now).unwrap();
        assert!(matches!(admission.admit(now), Err(SeamError::Overloaded(why)) if why.contains("same time")));
        drop(held);
        drop(admission.admit(now).unwrap());
        assert!(matches!(admission.admit(now), Err(SeamError::Overloaded(why)) if why.contains("per second")));
    }
}
