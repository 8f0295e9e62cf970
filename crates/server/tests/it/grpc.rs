//! What the door answers over gRPC.

use std::time::{Duration, Instant};

use foryou_proto::v1::ScoredPostsQuery;
use foryou_proto::v1::scored_posts_service_client::ScoredPostsServiceClient;
use server::DoorConfig;
use tonic::Code;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{FEED_SERVICE, Served, stubs};

async fn channel(served: &Served) -> Channel {
    Endpoint::from_shared(format!("http://{}", served.address)).unwrap().connect().await.unwrap()
}

fn taking(ms: u64) -> ScoredPostsQuery {
    ScoredPostsQuery { user_id: ms, ..ScoredPostsQuery::default() }
}

async fn code(client: &mut ScoredPostsServiceClient<Channel>, ms: u64) -> Code {
    client.get_scored_posts(taking(ms)).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_what_readyz_says_in_both_directions() {
    let served = Served::closed(DoorConfig::default()).await;
    let mut health = HealthClient::new(channel(&served).await);
    let mut feed = ScoredPostsServiceClient::new(channel(&served).await);
    let mut status_of = async |name: &str| {
        // Health looks a few times a second.
        tokio::time::sleep(Duration::from_millis(150)).await;
        health.check(HealthCheckRequest { service: name.to_owned() }).await.unwrap().into_inner().status()
    };
    assert_eq!(code(&mut feed, 0).await, Code::Unavailable);
    assert_eq!(status_of(FEED_SERVICE).await, ServingStatus::NotServing);
    assert_eq!(status_of("").await, ServingStatus::NotServing);
    served.door.open(stubs());
    // Whoever is told "ready" over REST is told SERVING from then on.
    while served.get("/readyz").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut asked = HealthClient::new(channel(&served).await);
    let now = asked.check(HealthCheckRequest { service: FEED_SERVICE.to_owned() }).await.unwrap().into_inner();
    assert_eq!(now.status(), ServingStatus::Serving);
    assert_eq!(status_of(FEED_SERVICE).await, ServingStatus::Serving);
    assert_eq!(status_of("").await, ServingStatus::Serving);
    assert_eq!(code(&mut feed, 0).await, Code::Ok);
    let _lost = served.readiness.step("log", "events");
    assert_eq!(status_of(FEED_SERVICE).await, ServingStatus::NotServing);
    assert_eq!(served.get("/readyz").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_refusals_and_the_end_of_time_are_statuses() {
    let config = DoorConfig { max_concurrent: 1, max_wait_ms: 1, request_timeout_ms: 3_000, ..DoorConfig::default() };
    let served = Served::open(config).await;
    let mut feed = ScoredPostsServiceClient::new(channel(&served).await);
    assert_eq!(code(&mut feed, 666_666).await, Code::Internal);
    assert_eq!(code(&mut feed, 0).await, Code::Ok);
    assert_eq!(code(&mut feed, 10_000).await, Code::DeadlineExceeded);
    assert_eq!(code(&mut feed, 0).await, Code::ResourceExhausted);

    let other = Endpoint::from_shared(format!("http://{}", served.address)).unwrap();
    let other = other.origin("http://evil.example".parse().unwrap()).connect().await.unwrap();
    let refused = ScoredPostsServiceClient::new(other).get_scored_posts(taking(0)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("Host:"), "{refused}");
    let large = ScoredPostsQuery { country_code: "x".repeat(17 << 20), ..ScoredPostsQuery::default() };
    let refused = feed.get_scored_posts(large).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_does_not_wait_for_an_acknowledgement() {
    let served = Served::open(DoorConfig::default()).await;
    let mut feed = ScoredPostsServiceClient::new(channel(&served).await);
    assert_eq!(code(&mut feed, 0).await, Code::Ok);
    let mut times = Vec::new();
    for _ in 0..21 {
        let began = Instant::now();
        assert_eq!(code(&mut feed, 0).await, Code::Ok);
        times.push(began.elapsed());
    }
    times.sort();
    // With Nagle's algorithm the acknowledgement of the first part is waited for: 40 ms.
    assert!(times[10] < Duration::from_millis(20), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_where_asked() {
    let served = Served::open(DoorConfig::default()).await;
    for encoding in [Gzip, Zstd] {
        let mut feed = ScoredPostsServiceClient::new(channel(&served).await).accept_compressed(encoding);
        let answer = feed.get_scored_posts(taking(0)).await.unwrap();
        assert_eq!(answer.into_inner().request_id.len(), 3_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_health_in_both_versions() {
    let served = Served::closed(DoorConfig::default()).await;
    let channel = channel(&served).await;
    macro_rules! services {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            let request = tonic_reflection::pb::$version::ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            let requests = futures::stream::iter([request]);
            let answers = ServerReflectionClient::new(channel.clone()).server_reflection_info(requests).await;
            let answer = answers.unwrap().into_inner().message().await.unwrap().unwrap();
            match answer.message_response {
                Some(MessageResponse::ListServicesResponse(list)) => {
                    list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    for names in [services!(v1), services!(v1alpha)] {
        for name in [FEED_SERVICE, "foryou.v1.EventService", "grpc.health.v1.Health"] {
            assert!(names.iter().any(|n| n == name), "{name} of {names:?}");
        }
    }
}
