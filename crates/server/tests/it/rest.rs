//! What the door answers over REST.

use std::time::{Duration, Instant};

use server::DoorConfig;

use crate::support::{Served, stubs};

const POST: &str = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn before_anything_is_behind_it_the_door_says_what_is_missing() {
    let served = Served::closed(DoorConfig::default()).await;
    let state = served.readiness.step("state", "events");
    state.reached(120_000, 1_400_000);
    assert_eq!(served.get("/healthz").await.status, 200);
    let ready = served.get("/readyz").await;
    assert_eq!((ready.status, ready.header("content-type")), (503, Some("application/problem+json")));
    assert!(ready.body.contains(r#"{"part":"state","done":120000,"total":1400000,"unit":"events"}"#), "{}", ready.body);
    for answer in [served.get("/v1/feed").await, served.get("/nothing").await] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.body.contains("state 120000/1400000 events"), "{}", answer.body);
    }
    served.door.open(stubs());
    // Open, but not ready: asked for what is there, it answers.
    assert_eq!((served.get("/v1/feed").await.status, served.get("/readyz").await.status), (200, 503));
    state.finish();
    while served.get("/readyz").await.body.contains("gRPC health") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((served.get("/readyz").await.status, served.get("/nothing").await.status), (200, 404));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_requests_are_refused_at_once_and_the_rest_is_answered() {
    let config = DoorConfig { max_concurrent: 1, max_wait_ms: 60_000, ..DoorConfig::default() };
    let served = Served::open(config).await;
    let began = Instant::now();
    let (mut answered, mut refused) = (0, 0);
    let asks: Vec<_> = (0..20).map(|_| served.get("/v1/feed?100")).collect();
    let all = futures::future::join_all(asks.into_iter().map(|ask| async {
        let answer = ask.await;
        (answer, began.elapsed())
    }));
    let (all, others) = tokio::join!(all, async {
        // Health is always answered, and so are events.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let events = served.ask(&format!("{POST}content-length: 2\r\n"), "{}").await;
        (served.get("/healthz").await.status, events.status, began.elapsed())
    });
    for (answer, after) in all {
        match answer.status {
            200 => answered += 1,
            503 => {
                refused += 1;
                assert!(after < Duration::from_millis(400), "refused after {after:?}");
                assert_eq!(answer.header("retry-after"), Some("1"));
                assert!(answer.body.contains("overloaded"), "{}", answer.body);
            }
            other => panic!("{other}"),
        }
    }
    // One runs, eight wait.
    assert_eq!((answered, refused), (9, 11));
    assert_eq!((others.0, others.1), (200, 200));
    assert!(others.2 < Duration::from_millis(600), "{:?}", others.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_answered_and_keeps_its_place_until_it_is_done() {
    let config = DoorConfig { max_concurrent: 1, max_wait_ms: 1, request_timeout_ms: 50, ..DoorConfig::default() };
    let served = Served::open(config).await;
    let answer = served.get("/v1/feed?400").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("no answer after 50 ms"), "{}", answer.body);
    assert!(served.get("/v1/feed").await.body.contains("waited too long"));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(served.get("/v1/feed").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_answer_and_the_connection_goes_on() {
    let served = Served::open(DoorConfig { max_concurrent: 1, ..DoorConfig::default() }).await;
    let mut client = served.connect().await;
    for _ in 0..3 {
        let answer = client.ask("GET /v1/feed?panic HTTP/1.1\r\nhost: localhost\r\n", "").await;
        assert_eq!((answer.status, answer.header("content-type")), (500, Some("application/problem+json")));
    }
    assert_eq!(client.ask("GET /v1/feed HTTP/1.1\r\nhost: localhost\r\n", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_a_page_of_another_site_would_send_are_refused_by_name() {
    let served = Served::open(DoorConfig::default()).await;
    let json = "content-type: application/json\r\ncontent-length: 2\r\n";
    for (head, status, named) in [
        (format!("POST /v1/events HTTP/1.1\r\nhost: evil.example\r\n{json}"), 403, "Host:"),
        (format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n{json}"), 403, "Origin:"),
        (
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n".to_owned(),
            415,
            "Content-Type:",
        ),
        (
            "POST /foryou.v1.EventService/Append HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n"
                .to_owned(),
            415,
            "Content-Type:",
        ),
    ] {
        let answer = served.ask(&head, "{}").await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/problem+json")), "{head}");
        assert!(answer.body.contains(named), "{head}{}", answer.body);
    }
    let own = "POST /v1/events HTTP/1.1\r\nhost: localhost:80\r\norigin: http://localhost:80\r\n";
    assert_eq!(served.ask(&format!("{own}{json}"), "{}").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_a_size_and_a_time_and_hold_up_nobody() {
    let config = DoorConfig { max_concurrent: 1, max_body_bytes: 1_024, body_timeout_ms: 200, ..DoorConfig::default() };
    let served = Served::open(config).await;
    let long = "x".repeat(1_025);
    assert_eq!(served.ask(&format!("{POST}content-length: 1025\r\n"), &long).await.status, 413);
    let chunked = format!("401\r\n{long}\r\n0\r\n\r\n");
    assert_eq!(served.ask(&format!("{POST}transfer-encoding: chunked\r\n"), &chunked).await.status, 413);
    let fits = "x".repeat(1_024);
    let answer = served.ask(&format!("{POST}content-length: 1024\r\n"), &fits).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "1024"));
    // Ten clients that never send their bodies do not take the one place there is.
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut client = served.connect().await;
        use tokio::io::AsyncWriteExt;
        client.stream.write_all(format!("{POST}content-length: 5\r\n\r\nxx").as_bytes()).await.unwrap();
        slow.push(client);
    }
    assert_eq!(served.ask(&format!("{POST}content-length: 2\r\n"), "{}").await.status, 200);
    for client in &mut slow {
        assert_eq!(client.answer().await.unwrap().status, 408);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_have_ids_and_long_answers_are_compressed_where_asked() {
    let served = Served::open(DoorConfig::default()).await;
    let with = |more: &str, path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}");
    let answer = served.ask(&with("x-request-id: abc-1\r\n", "/healthz"), "").await;
    assert_eq!(answer.header("x-request-id"), Some("abc-1"));
    let made = served.ask(&with("x-request-id: a b\r\n", "/healthz"), "").await;
    assert_eq!(made.header("x-request-id").map(str::len), Some(16));

    for name in ["gzip", "zstd"] {
        let accept = format!("accept-encoding: {name}\r\n");
        let packed = served.ask(&with(&accept, "/openapi.json"), "").await;
        assert_eq!((packed.status, packed.header("content-encoding")), (200, Some(name)));
        let tiny = served.ask(&with(&accept, "/v1/feed"), "").await;
        assert_eq!((tiny.body.as_str(), tiny.header("content-encoding")), ("feed", None));
    }
    assert_eq!(served.get("/openapi.json").await.header("content-encoding"), None);
}
