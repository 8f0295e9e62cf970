//! The service through gRPC: the same feed as REST, events in, the caller's mistakes as statuses, health, reflection, and Thunder
//! on the same port.

use std::time::Duration;

use foryou_proto::thunder::v1::GetInNetworkPostsRequest;
use foryou_proto::thunder::v1::in_network_posts_service_client::InNetworkPostsServiceClient;
use foryou_proto::v1::event::Body;
use foryou_proto::v1::event_service_client::EventServiceClient;
use foryou_proto::v1::scored_posts_service_client::ScoredPostsServiceClient;
use foryou_proto::v1::{Action, AppendRequest, Edge, Event, Id, ImpressionBloomFilterEntry, Post, ScoredPostsQuery};
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::common::{Service, post_ids};

async fn channel(service: &Service) -> Channel {
    Channel::from_shared(format!("http://{}", service.address)).unwrap().connect().await.unwrap()
}

fn query(user_id: u64) -> ScoredPostsQuery {
    ScoredPostsQuery { user_id, do_not_record: true, ..ScoredPostsQuery::default() }
}

fn id(number: u64) -> Id {
    Id { number, string: String::new() }
}

#[tokio::test]
async fn get_scored_posts_is_the_feed_of_rest() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let rest = service.feed("1007", "&record=false&limit=20");
    let mut client = ScoredPostsServiceClient::new(channel(&service).await);
    let answer = client.get_scored_posts(ScoredPostsQuery { limit: 20, ..query(1_007) }).await.unwrap().into_inner();
    let ids: Vec<_> = answer.posts.iter().map(|p| p.post_id_string.clone()).collect();
    assert_eq!(ids, post_ids(&rest));
    for (post, other) in answer.posts.iter().zip(rest["feed"].as_array().unwrap()) {
        assert_eq!(post.post_id.to_string(), post.post_id_string);
        assert_eq!(Some(post.score), other["score"].as_f64());
        assert_eq!(Some(post.in_network), other["in_network"].as_bool());
        assert_eq!(Some(post.text.as_str()), other["text"].as_str());
        assert_eq!(post.heads.len(), 19);
        assert_eq!(Some(post.heads["favorite"]), other["probabilities"]["favorite"].as_f64());
        assert_eq!(Some(post.heads["dwell_time"]), other["dwell_time"].as_f64());
    }
    assert_eq!((answer.clock.as_str(), answer.model.as_str()), ("log", ""));
    assert_eq!((answer.ranked_by.as_str(), rest["ranked_by"].as_str()), ("popularity_prior", Some("popularity_prior")));
    assert!(answer.timings_ms["total"] > 0.0 && answer.degraded.is_empty() && answer.empty_because.is_empty());

    let next = ScoredPostsQuery { limit: 20, cursor: answer.next_cursor, ..query(1_007) };
    let page = client.get_scored_posts(next).await.unwrap().into_inner();
    assert!(!page.posts.is_empty() && page.posts.iter().all(|p| !ids.contains(&p.post_id_string)));

    let nobody = ScoredPostsQuery { in_network_only: true, ..query(987_654) };
    let empty = client.get_scored_posts(nobody).await.unwrap().into_inner();
    assert!(empty.posts.is_empty() && empty.empty_because.contains("follows nobody"), "{}", empty.empty_because);
}

#[tokio::test]
async fn mistakes_are_invalid_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let mut client = ScoredPostsServiceClient::new(channel(&service).await);
    let bloom = ImpressionBloomFilterEntry { bits: vec![1], num_hashes: 99, ..Default::default() };
    let broken = |query: fn(&mut ScoredPostsQuery)| {
        let mut wrong = self::query(1);
        query(&mut wrong);
        wrong
    };
    for (field, wrong) in [
        ("user_id", query(0)),
        ("user_id", broken(|q| q.user_id_string = "bob".into())),
        ("limit", broken(|q| q.limit = 100_000)),
        ("surface", broken(|q| q.surface = "attic".into())),
        ("cursor", broken(|q| q.cursor = "?".into())),
        ("now_ms", broken(|q| q.now_ms = -5)),
        ("country_code", broken(|q| q.country_code = "x".repeat(65))),
        ("language_code", broken(|q| q.language_code = "x".repeat(36))),
        ("request_id", broken(|q| q.request_id = "x".repeat(129))),
        ("seen_ids", broken(|q| q.seen_ids = vec![1; 10_001])),
        ("seen_ids[1]", broken(|q| q.seen_id_strings = vec!["1".into(), "x".into()])),
        ("served_ids", broken(|q| q.served_ids = vec![1; 10_001])),
        ("topic_ids", broken(|q| q.topic_ids = vec![1; 65])),
        ("bloom_filter_entries[0]", ScoredPostsQuery { bloom_filter_entries: vec![bloom], ..query(1) }),
        ("video_only", broken(|q| (q.video_only, q.exclude_videos) = (true, true))),
    ] {
        let status = client.get_scored_posts(wrong).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status}");
        assert!(status.message().starts_with(&format!("{field}: ")), "{field}: {status}");
    }
    // A deadline that leaves no time: an answer all the same, or the client's own deadline; never an internal error.
    let mut hurried = Request::new(query(1_007));
    hurried.set_timeout(Duration::from_micros(200));
    if let Err(status) = client.get_scored_posts(hurried).await {
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
    }
    assert!(!client.get_scored_posts(query(1_007)).await.unwrap().into_inner().posts.is_empty());
}

#[tokio::test]
async fn events_over_grpc_change_the_next_feed_and_thunder_answers_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let channel = channel(&service).await;
    let mut events = EventServiceClient::new(channel.clone());
    let mut feed = ScoredPostsServiceClient::new(channel.clone());
    let mut thunder = InNetworkPostsServiceClient::new(channel);
    let user = 888_888;
    let author = feed.get_scored_posts(query(user)).await.unwrap().into_inner().posts[0].author_id;

    let edge = |user_id, target_id, kind: &str| {
        let body = Body::Edge(Edge { user_id: Some(id(user_id)), target_id: Some(id(target_id)), r#type: kind.into() });
        Event { body: Some(body), ..Event::default() }
    };
    let unknown = Body::Action(Action {
        user_id: Some(id(user)),
        post_id: Some(id(1)),
        action: "adore".into(),
        ..Action::default()
    });
    let request = AppendRequest {
        events: vec![
            Event::default(),
            edge(user, author, "follow"),
            edge(user, user, "follow"),
            Event { body: Some(unknown), ..Event::default() },
        ],
    };
    let answer = events.append(request).await.unwrap().into_inner();
    assert_eq!((answer.accepted, answer.duplicates), (1, 0), "{answer:?}");
    assert_eq!(answer.rejected.iter().map(|r| r.index).collect::<Vec<_>>(), [0, 2, 3]);
    assert!(answer.rejected[2].reason.contains("adore"));

    let posts = feed.get_scored_posts(query(user)).await.unwrap().into_inner().posts;
    assert!(posts.iter().any(|p| p.in_network && p.author_id == author));
    // No list: Thunder looks the followed accounts up.
    let request = GetInNetworkPostsRequest { user_id: user, ..GetInNetworkPostsRequest::default() };
    let recent = thunder.get_in_network_posts(request).await.unwrap().into_inner().posts;
    assert!(!recent.is_empty() && recent.iter().all(|p| p.author_id == author));
    let wrong =
        GetInNetworkPostsRequest { algorithm: "best".into(), user_id: user, ..GetInNetworkPostsRequest::default() };
    assert_eq!(thunder.get_in_network_posts(wrong).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_feed_of_the_longest_posts_fits_what_clients_take() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let channel = channel(&service).await;
    let (user, author) = (999_001, |i: u64| Some(id(999_100 + i % 20)));
    let follow = |i| Edge { user_id: Some(id(user)), target_id: author(i), r#type: "follow".into() };
    let mut events: Vec<_> = (0..20).map(|i| Event { body: Some(Body::Edge(follow(i))), ..Event::default() }).collect();
    for i in 0..200 {
        let text = Some("大".repeat(25_000));
        let post = Post { post_id: Some(id(900_000 + i)), author_id: author(i), text, ..Post::default() };
        events.push(Event { body: Some(Body::Post(post)), ..Event::default() });
    }
    let mut client = EventServiceClient::new(channel.clone());
    let answer = client.append(AppendRequest { events }).await.unwrap().into_inner();
    assert_eq!((answer.accepted, answer.rejected.len()), (220, 0), "{answer:?}");
    assert!(!answer.position.is_empty());
    // A client with the 4 MiB that all take unless told otherwise.
    let mut feed = ScoredPostsServiceClient::new(channel);
    let ask = ScoredPostsQuery { limit: 200, in_network_only: true, ..query(user) };
    // 15 MB of texts take Thunder a moment.
    let mut posts = Vec::new();
    for _ in 0..200 {
        posts = feed.get_scored_posts(ask.clone()).await.unwrap().into_inner().posts;
        if !posts.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!posts.is_empty());
    assert!(posts.iter().all(|p| p.text.ends_with('…') && p.text.len() <= 12 << 10));
}

#[tokio::test]
async fn health_and_reflection_answer() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let channel = channel(&service).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    for name in ["foryou.v1.ScoredPostsService", "foryou.v1.EventService", "foryou.thunder.v1.InNetworkPostsService"] {
        let request = tonic_health::pb::HealthCheckRequest { service: name.to_owned() };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status, tonic_health::pb::health_check_response::ServingStatus::Serving, "{name}");
    }
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let request = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let stream = tokio_stream::once(request);
    let mut answers =
        ServerReflectionClient::new(channel.clone()).server_reflection_info(stream).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services")
    };
    assert!(list.service.iter().any(|s| s.name == "foryou.v1.ScoredPostsService"));
}
