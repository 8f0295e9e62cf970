//! Connections that do nothing, or slowly.

use std::time::{Duration, Instant};

use server::DoorConfig;
use tokio::io::AsyncWriteExt;

use crate::support::Served;

const GET: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn headers_must_come_in_time_however_they_dribble() {
    let config = DoorConfig { header_timeout_ms: 200, idle_timeout_ms: 60_000, ..DoorConfig::default() };
    let served = Served::open(config).await;
    let (mut silent, mut half, mut second) = (served.connect().await, served.connect().await, served.connect().await);
    assert_eq!(second.ask(GET, "").await.status, 200);
    half.stream.write_all(b"GET /heal").await.unwrap();
    second.stream.write_all(b"GET /heal").await.unwrap();
    let mut http2 = served.connect().await;
    http2.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut dribbling = served.connect().await;
    let began = Instant::now();
    let dribble = async {
        // A byte at a time keeps nothing alive.
        while dribbling.stream.write_all(b"G").await.is_ok() && began.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    };
    assert!(dribble.await < Duration::from_secs(2));
    for client in [&mut silent, &mut half, &mut second] {
        assert!(client.ends_within(2_000).await);
    }
    use tokio::io::AsyncReadExt;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(2), http2.stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection stays open");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_end_and_busy_ones_do_not() {
    let config = DoorConfig { header_timeout_ms: 60_000, idle_timeout_ms: 200, ..DoorConfig::default() };
    let served = Served::open(config).await;
    let mut idle = served.connect().await;
    assert_eq!(idle.ask(GET, "").await.status, 200);
    let mut busy = served.connect().await;
    let answer = busy.ask("GET /v1/feed?600 HTTP/1.1\r\nhost: localhost\r\n", "").await;
    assert_eq!(answer.status, 200);
    assert!(idle.ends_within(2_000).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_cap_the_idle_make_room_and_the_busy_stay() {
    let served = Served::open(DoorConfig { max_connections: 3, ..DoorConfig::default() }).await;
    let mut busy = served.connect().await;
    busy.stream.write_all(b"GET /v1/feed?500 HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut client = served.connect().await;
        assert_eq!(client.ask(GET, "").await.status, 200);
        idle.push(client);
    }
    assert_eq!(busy.answer().await.unwrap().status, 200);
    let mut ended = 0;
    for client in &mut idle {
        ended += usize::from(client.ends_within(20).await);
    }
    assert_eq!(ended, 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_requests_under_way_are_answered_and_idle_connections_closed() {
    let served = Served::open(DoorConfig::default()).await;
    let mut idle = served.connect().await;
    assert_eq!(idle.ask(GET, "").await.status, 200);
    let mut busy = served.connect().await;
    busy.stream.write_all(b"GET /v1/feed?300 HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    served.stop.send(()).unwrap();
    assert_eq!(busy.answer().await.unwrap().status, 200);
    served.serving.await.unwrap();
    assert!(idle.ends_within(1_000).await);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_headers_are_refused() {
    let served = Served::open(DoorConfig::default()).await;
    let answer = served.ask(&format!("{GET}x-long: {}\r\n", "x".repeat(70_000)), "").await;
    assert_eq!(answer.status, 431);
}
