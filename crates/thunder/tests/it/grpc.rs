//! Over a real connection: the same answers and the same refusals as in process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foryou_io::{MonotonicClock, Step};
use foryou_proto::thunder::v1::in_network_posts_service_client::InNetworkPostsServiceClient;
use foryou_proto::thunder::v1::in_network_posts_service_server::{InNetworkPostsService, InNetworkPostsServiceServer};
use foryou_proto::thunder::v1::{GetInNetworkPostsRequest, GetInNetworkPostsResponse};
use foryou_types::seams::{InNetworkPosts, InNetworkRequest, SeamError};
use foryou_types::{ManualClock, PostId, UserId};
use thunder::grpc::{ThunderClient, ThunderGrpc};
use thunder::{FollowingLookup, PostStore, ServiceConfig, StoreConfig, ThunderService};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};

use crate::support::{NOW, original, ready, reply, repost, request, store_with, video};

fn store() -> Arc<PostStore> {
    let config = StoreConfig { max_excluded: 2, ..StoreConfig::default() };
    let posts = [
        original(u64::MAX, 1 << 63, 1_234),
        repost(2, 1 << 63, 1_000, (77, 78)),
        video(3, 11, 999),
        reply(4, 11, 10, (3, 11), 3),
    ];
    Arc::new(store_with(config, &posts))
}

async fn connect(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// Serves something on a free port.
async fn serve<S: InNetworkPostsService>(service: S) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(InNetworkPostsServiceServer::new(service));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    connect(address).await
}

fn thunder(config: &ServiceConfig, readiness: Step) -> ThunderService {
    ThunderService::new(store(), Arc::new(ManualClock::new(NOW)), readiness, config)
}

#[tokio::test]
async fn the_answer_is_the_one_given_in_process() {
    let service = thunder(&ServiceConfig::default(), ready());
    let client = ThunderClient::new(serve(ThunderGrpc::new(service.clone())).await, Some(Duration::from_mins(1)));
    let everyone = request(&[1 << 63, 11]);
    let requests = [
        everyone.clone(),
        InNetworkRequest { is_video_request: true, ..everyone.clone() },
        InNetworkRequest { max_results: 1, algorithm: "recent".to_owned(), debug: true, ..everyone.clone() },
        InNetworkRequest { exclude_post_ids: vec![PostId(u64::MAX), PostId(4), PostId(2)], ..everyone.clone() },
        InNetworkRequest { now: Some(NOW - 7_000), ..everyone.clone() },
        InNetworkRequest { user_id: UserId(78), ..everyone.clone() },
    ];
    for request in requests {
        let here = service.get_in_network_posts(request.clone()).await.unwrap();
        let there = client.get_in_network_posts(request).await.unwrap();
        assert_eq!(here, there);
        assert!(!here.partial);
    }
    let all = client.get_in_network_posts(everyone).await.unwrap();
    assert_eq!(all.posts.iter().map(|p| p.post_id.0).collect::<Vec<_>>(), [4, 3, 2, u64::MAX]);
    assert_eq!(all.posts[3].created_at, NOW - 1_234, "milliseconds survive");
}

#[tokio::test]
async fn the_counters_come_when_asked_for() {
    let channel = serve(ThunderGrpc::new(thunder(&ServiceConfig::default(), ready()))).await;
    let mut client = InNetworkPostsServiceClient::new(channel);
    let plain = GetInNetworkPostsRequest { following_user_ids: vec![11], ..GetInNetworkPostsRequest::default() };
    let answer = client.get_in_network_posts(plain.clone()).await.unwrap().into_inner();
    assert_eq!((answer.posts.len(), answer.stats), (2, None));
    assert_eq!(answer.posts[0].created_at, (NOW - 10).as_secs());
    let answer =
        client.get_in_network_posts(GetInNetworkPostsRequest { debug: true, ..plain }).await.unwrap().into_inner();
    let stats = answer.stats.unwrap();
    assert_eq!((stats.authors_looked_at, stats.entries_scanned, stats.posts_eligible), (1, 2, 2));
}

#[tokio::test]
async fn refusals_keep_their_kind_and_code() {
    let config = ServiceConfig { max_requests_per_second: 1, request_burst: 1, ..ServiceConfig::default() };
    let readiness = Step::new("thunder", "posts");
    let channel = serve(ThunderGrpc::new(thunder(&config, readiness.clone()))).await;
    let client = ThunderClient::new(channel.clone(), None);
    let mut raw = InNetworkPostsServiceClient::new(channel);
    let unknown = || GetInNetworkPostsRequest { algorithm: "best".to_owned(), ..GetInNetworkPostsRequest::default() };

    assert!(matches!(client.get_in_network_posts(request(&[11])).await, Err(SeamError::Unavailable(_))));
    assert_eq!(raw.get_in_network_posts(unknown()).await.unwrap_err().code(), Code::Unavailable);
    readiness.finish();
    assert_eq!(raw.get_in_network_posts(unknown()).await.unwrap_err().code(), Code::InvalidArgument);
    let bad = InNetworkRequest { algorithm: "best".to_owned(), ..request(&[11]) };
    assert!(matches!(client.get_in_network_posts(bad).await, Err(SeamError::BadRequest(_))));
    assert!(client.get_in_network_posts(request(&[11])).await.is_ok());
    assert!(matches!(client.get_in_network_posts(request(&[11])).await, Err(SeamError::Overloaded(_))));
    let refused = raw.get_in_network_posts(GetInNetworkPostsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
}

/// Takes its time to say whom someone follows.
struct Slow(Duration);

impl FollowingLookup for Slow {
    fn following(&self, _: UserId) -> Vec<UserId> {
        std::thread::sleep(self.0);
        vec![UserId(11)]
    }
}

#[tokio::test]
async fn the_callers_deadline_gives_a_partial_answer_in_time() {
    let service = ThunderService::with(
        store(),
        Arc::new(ManualClock::new(NOW)),
        ready(),
        &ServiceConfig::default(),
        Some(Arc::new(Slow(Duration::from_millis(1_600)))),
        Arc::new(EarlyTime::default()),
    );
    let client = ThunderClient::new(serve(ThunderGrpc::new(service)).await, Some(Duration::from_secs(5)));
    let answer = client.get_in_network_posts(request(&[])).await.unwrap();
    assert!(answer.partial && answer.posts.is_empty());
}

/// Time that runs five times as fast, so that the service's deadline comes before the transport's on a busy machine too.
struct EarlyTime(std::time::Instant);

impl Default for EarlyTime {
    fn default() -> Self {
        Self(std::time::Instant::now())
    }
}

impl MonotonicClock for EarlyTime {
    fn now(&self) -> Duration {
        self.0.elapsed() * 5
    }
}

/// Never answers.
struct Silent;

#[tonic::async_trait]
impl InNetworkPostsService for Silent {
    async fn get_in_network_posts(
        &self,
        _: Request<GetInNetworkPostsRequest>,
    ) -> Result<Response<GetInNetworkPostsResponse>, Status> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_out_of_time_and_one_that_is_not_there_unavailable() {
    let client = ThunderClient::new(serve(Silent).await, Some(Duration::from_millis(50)));
    assert_eq!(client.get_in_network_posts(request(&[11])).await, Err(SeamError::DeadlineExceeded));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let nowhere = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let outcome = ThunderClient::new(nowhere, None).get_in_network_posts(request(&[11])).await;
    assert!(matches!(outcome, Err(SeamError::Unavailable(_))), "{outcome:?}");
}
