//! The service in this process: who is answered, who is refused, and how.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use foryou_io::{ManualMonotonic, Step, SystemMonotonic};
use foryou_types::seams::{InNetworkPosts, InNetworkRequest, SeamError};
use foryou_types::{ManualClock, UserId};
use thunder::{FollowingLookup, PostStore, ServiceConfig, ThunderService};

use crate::support::{NOW, VIEWER, original, ready, request, store_of};

struct Everyone(Vec<u64>);

impl FollowingLookup for Everyone {
    fn following(&self, user_id: UserId) -> Vec<UserId> {
        if user_id == UserId(VIEWER) { self.0.iter().copied().map(UserId).collect() } else { Vec::new() }
    }
}

/// Says when it was asked and answers when it is told to.
struct Slow(Sender<()>, Mutex<Receiver<()>>);

impl FollowingLookup for Slow {
    fn following(&self, _: UserId) -> Vec<UserId> {
        self.0.send(()).unwrap();
        self.1.lock().unwrap().recv().unwrap();
        vec![UserId(10)]
    }
}

fn store() -> Arc<PostStore> {
    Arc::new(store_of(&[original(1, 10, 20), original(2, 11, 10)]))
}

fn service(config: &ServiceConfig, following: Option<Arc<dyn FollowingLookup>>) -> ThunderService {
    let clock = Arc::new(ManualClock::new(NOW));
    ThunderService::with(store(), clock, ready(), config, following, Arc::new(SystemMonotonic::new()))
}

async fn ids(service: &ThunderService, request: InNetworkRequest) -> Result<Vec<u64>, SeamError> {
    Ok(service.get_in_network_posts(request).await?.posts.iter().map(|post| post.post_id.0).collect())
}

#[tokio::test]
async fn a_request_is_answered_by_the_clock_it_was_given() {
    let clock = Arc::new(ManualClock::new(NOW));
    let service = ThunderService::new(store(), clock.clone(), ready(), &ServiceConfig::default());
    assert_eq!(ids(&service, request(&[10, 11])).await.unwrap(), [2, 1]);
    clock.set(NOW + 172_799_985);
    assert_eq!(ids(&service, request(&[10, 11])).await.unwrap(), [2]);
    let earlier = InNetworkRequest { now: Some(NOW), ..request(&[10, 11]) };
    assert_eq!(ids(&service, earlier).await.unwrap(), [2, 1]);
}

#[tokio::test]
async fn an_empty_list_is_looked_up_where_that_is_possible() {
    let with = service(&ServiceConfig::default(), Some(Arc::new(Everyone(vec![10, 11]))));
    assert_eq!(ids(&with, request(&[])).await.unwrap(), [2, 1]);
    assert_eq!(ids(&with, request(&[11])).await.unwrap(), [2], "a list that is given is the list");
    let without = service(&ServiceConfig::default(), None);
    assert_eq!(ids(&without, request(&[])).await.unwrap(), [0; 0]);
}

#[tokio::test]
async fn nothing_is_answered_before_the_store_is_ready() {
    let readiness = Step::new("thunder", "posts");
    let clock = Arc::new(ManualClock::new(NOW));
    let service = ThunderService::new(store(), clock, readiness.clone(), &ServiceConfig::default());
    assert!(matches!(ids(&service, request(&[10])).await, Err(SeamError::Unavailable(_))));
    readiness.finish();
    assert_eq!(ids(&service, request(&[10])).await.unwrap(), [1]);
}

#[tokio::test]
async fn an_unknown_algorithm_is_a_bad_request() {
    let service = service(&ServiceConfig::default(), None);
    let with = |algorithm: &str| InNetworkRequest { algorithm: algorithm.to_owned(), ..request(&[10]) };
    assert_eq!(ids(&service, with("recent")).await.unwrap(), [1]);
    let error = ids(&service, with("best")).await.unwrap_err();
    assert!(matches!(error, SeamError::BadRequest(why) if why.contains("\"best\"")));
}

#[tokio::test]
async fn one_more_than_fits_is_refused_at_once() {
    let (asked, was_asked) = channel();
    let (go, may_go) = channel();
    let slow: Arc<dyn FollowingLookup> = Arc::new(Slow(asked, Mutex::new(may_go)));
    let config = ServiceConfig { max_concurrent_requests: 1, ..ServiceConfig::default() };
    let service = service(&config, Some(slow));
    let first = tokio::spawn({
        let service = service.clone();
        async move { ids(&service, request(&[])).await }
    });
    tokio::task::spawn_blocking(move || was_asked.recv().unwrap()).await.unwrap();
    let refused = ids(&service, request(&[10])).await;
    assert!(matches!(refused, Err(SeamError::Overloaded(_))));
    // A caller that gives up does not free the place while its work continues.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(matches!(ids(&service, request(&[10])).await, Err(SeamError::Overloaded(_))));
    go.send(()).unwrap();
    for _ in 0..500 {
        if ids(&service, request(&[10])).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the place was never given back");
}

#[tokio::test]
async fn the_rate_is_bounded_by_the_time_passed_in() {
    let monotonic = Arc::new(ManualMonotonic::new());
    let config = ServiceConfig { max_requests_per_second: 2, request_burst: 1, ..ServiceConfig::default() };
    let clock = Arc::new(ManualClock::new(NOW));
    let service = ThunderService::with(store(), clock, ready(), &config, None, monotonic.clone());
    assert!(ids(&service, request(&[10])).await.is_ok());
    assert!(matches!(ids(&service, request(&[10])).await, Err(SeamError::Overloaded(_))));
    monotonic.advance(Duration::from_millis(500));
    assert!(ids(&service, request(&[10])).await.is_ok());
    assert!(matches!(ids(&service, request(&[10])).await, Err(SeamError::Overloaded(_))));
}

#[tokio::test]
async fn the_shorter_deadline_makes_the_answer_partial() {
    // A millisecond passes at every look at the clock: one at the start, one before the first author.
    let config = ServiceConfig { lookup_deadline_ms: 50, ..ServiceConfig::default() };
    let clock = Arc::new(ManualClock::new(NOW));
    let monotonic = Arc::new(ManualMonotonic::stepping(Duration::from_millis(1)));
    let service = ThunderService::with(store(), clock, ready(), &config, None, monotonic);
    let whole = service.answer(request(&[10, 11]), None).await.unwrap();
    assert!(!whole.response.partial);
    assert_eq!((whole.stats.authors_looked_at, whole.response.posts.len()), (2, 2));
    let cut = service.answer(request(&[10, 11]), Some(Duration::from_millis(1))).await.unwrap();
    assert!(cut.response.partial && cut.response.posts.is_empty());
}
