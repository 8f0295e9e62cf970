//! Thunder as a service in this process: readiness, admission, the lookup of followed accounts, deadlines.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use foryou_io::{Admission, MonotonicClock, Refused, RunError, Step, SystemMonotonic};
use foryou_types::seams::{InNetworkPosts, InNetworkRequest, InNetworkResponse, SeamError};
use foryou_types::{Clock, UserId};

use crate::config::ServiceConfig;
use crate::deadline::Deadline;
use crate::store::{Lookup, LookupStats, PostStore};

/// The follow lists, for requests that do not send one.
pub trait FollowingLookup: Send + Sync {
    /// The accounts a person follows; empty where nothing is known. May read from disk: it is called where blocking is fine.
    fn following(&self, user_id: UserId) -> Vec<UserId>;
}

/// An answer with the counters of its lookup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The posts.
    pub response: InNetworkResponse,
    /// What was done to find them.
    pub stats: LookupStats,
}

/// Thunder in this process.
#[derive(Clone)]
pub struct ThunderService(Arc<Inner>);

struct Inner {
    store: Arc<PostStore>,
    clock: Arc<dyn Clock>,
    monotonic: Arc<dyn MonotonicClock>,
    following: Option<Arc<dyn FollowingLookup>>,
    admission: Admission,
    readiness: Step,
    lookup_deadline: Option<Duration>,
}

impl ThunderService {
    /// A service over a store, on the machine's monotonic time and without a lookup of followed accounts.
    pub fn new(store: Arc<PostStore>, clock: Arc<dyn Clock>, readiness: Step, config: &ServiceConfig) -> Self {
        Self::with(store, clock, readiness, config, None, Arc::new(SystemMonotonic::new()))
    }

    /// A service with all its parts: `following` answers for requests with an empty list, `monotonic` is the time of
    /// deadlines and rates.
    pub fn with(
        store: Arc<PostStore>,
        clock: Arc<dyn Clock>,
        readiness: Step,
        config: &ServiceConfig,
        following: Option<Arc<dyn FollowingLookup>>,
        monotonic: Arc<dyn MonotonicClock>,
    ) -> Self {
        crate::metrics::describe();
        let mut admission = Admission::new(config.max_concurrent_requests, 0);
        if config.max_requests_per_second > 0 {
            admission =
                admission.with_rate(config.max_requests_per_second, config.request_burst, Arc::clone(&monotonic));
        }
        let lookup_deadline = (config.lookup_deadline_ms > 0).then(|| Duration::from_millis(config.lookup_deadline_ms));
        Self(Arc::new(Inner { store, clock, monotonic, following, admission, readiness, lookup_deadline }))
    }

    /// The store behind the service.
    pub fn store(&self) -> &Arc<PostStore> {
        &self.0.store
    }

    /// Whether the service answers yet.
    pub fn readiness(&self) -> &Step {
        &self.0.readiness
    }

    /// Answers with counters, within `time` and the configured deadline, whichever is shorter.
    ///
    /// It refuses at once when not bootstrapped ([`SeamError::Unavailable`]), asked for an unknown algorithm
    /// ([`SeamError::BadRequest`]) or at capacity ([`SeamError::Overloaded`]). A deadline that passes makes the answer partial.
    pub async fn answer(&self, request: InNetworkRequest, time: Option<Duration>) -> Result<Answer, SeamError> {
        let outcome = self.admitted(request, time).await;
        let label = match &outcome {
            Ok(answer) if answer.response.partial => "partial",
            Ok(_) => "ok",
            Err(SeamError::BadRequest(_)) => "bad_request",
            Err(SeamError::Overloaded(_)) => "overloaded",
            Err(SeamError::Unavailable(_)) => "unavailable",
            Err(_) => "internal",
        };
        metrics::counter!("thunder_requests_total", "outcome" => label).increment(1);
        outcome
    }

    async fn admitted(&self, request: InNetworkRequest, time: Option<Duration>) -> Result<Answer, SeamError> {
        let inner = &self.0;
        if !inner.readiness.is_finished() {
            return Err(SeamError::Unavailable("thunder has not caught up with the log yet".to_owned()));
        }
        if !matches!(request.algorithm.as_str(), "" | "recent") {
            return Err(SeamError::BadRequest(format!(
                "algorithm {:?} is unknown; there is \"recent\"",
                request.algorithm
            )));
        }
        let start = inner.monotonic.now();
        let time = match (time, inner.lookup_deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let deadline = time.and_then(|time| start.checked_add(time));
        let service = Arc::clone(inner);
        // A lookup computes, and may read the graph from disk: not on the threads that serve connections.
        let lookup = inner.admission.run(move || service.look_up(&request, deadline)).await.map_err(refusal)?;
        metrics::histogram!("thunder_lookup_seconds").record(inner.monotonic.now().saturating_sub(start).as_secs_f64());
        Ok(Answer { response: lookup.response, stats: lookup.stats })
    }
}

impl Inner {
    fn look_up(&self, request: &InNetworkRequest, deadline: Option<Duration>) -> Lookup {
        let deadline = deadline.map(|at| Deadline { at, monotonic: &*self.monotonic });
        let known = match &self.following {
            Some(following) if request.following_user_ids.is_empty() => Some(following.following(request.user_id)),
            _ => None,
        };
        let following = known.as_deref().unwrap_or(&request.following_user_ids);
        self.store.lookup(request, following, deadline, self.clock.now())
    }
}

fn refusal(error: RunError) -> SeamError {
    match error {
        RunError::Refused(Refused::Busy) => SeamError::Overloaded("too many lookups at the same time".to_owned()),
        RunError::Refused(Refused::TooFast) => SeamError::Overloaded("too many lookups per second".to_owned()),
        RunError::Panicked(why) => SeamError::Internal(format!("lookup: {why}")),
    }
}

#[async_trait]
impl InNetworkPosts for ThunderService {
    async fn get_in_network_posts(&self, request: InNetworkRequest) -> Result<InNetworkResponse, SeamError> {
        Ok(self.answer(request, None).await?.response)
    }
}

impl std::fmt::Debug for ThunderService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThunderService").field("readiness", &self.0.readiness).finish_non_exhaustive()
    }
}
