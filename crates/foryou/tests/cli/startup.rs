//! The service's start: the port is open before the folder is read, and who may reach it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{Killed, Service, events_file, fails, foryou, json};

fn status(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some((answer.split(' ').nth(1)?.parse().ok()?, answer))
}

#[test]
fn the_port_answers_while_the_projections_are_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 60_000);
    let data = dir.path().join("data");
    json(&["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    std::fs::remove_dir_all(data.join("state")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let began = Instant::now();
    let _child =
        Killed(foryou().args(["up", "--listen", &address, "--data"]).arg(&data).stderr(Stdio::null()).spawn().unwrap());
    let mut seen = Vec::new();
    let mut first_probe = None;
    while began.elapsed() < Duration::from_mins(2) {
        if first_probe.is_none() && status(&address, "/healthz").is_some_and(|(status, _)| status == 200) {
            first_probe = Some(began.elapsed());
        }
        match status(&address, "/readyz") {
            Some((200, _)) => break,
            Some((503, answer)) => {
                if seen.is_empty() {
                    let (status, feed) = status(&address, "/v1/feed?user=1").unwrap();
                    // It may have become ready in between.
                    assert!(status == 200 || feed.to_lowercase().contains("retry-after: 1"), "{feed}");
                }
                seen.push(answer);
            }
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let ready = began.elapsed();
    assert!(
        seen.iter().any(|answer| answer.contains(r#""part":"state","done":"#)),
        "no progress told in {ready:?}: {seen:?}"
    );
    assert_eq!(status(&address, "/v1/feed?user=1007&record=false").unwrap().0, 200);
    println!("first probe answered after {first_probe:?}, ready after {ready:?}");
}

#[test]
fn an_address_that_others_reach_needs_leave() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 200);
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    json(&["import", "events", file.to_str().unwrap(), "--data", data]);
    for address in ["0.0.0.0:0", "[::]:0"] {
        let why = fails(2, &["up", "--data", data, "--listen", address]);
        assert!(why.contains("--insecure") && why.contains("no keys"), "{why}");
        let why = fails(2, &["phoenix", "serve", "--data", data, "--listen", address]);
        assert!(why.contains("--insecure"), "{why}");
    }
}

#[test]
fn every_metric_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 2_000);
    let data = dir.path().join("data");
    json(&["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    let service = Service::start(&data);
    service.feed("1007", "");
    service.event(&serde_json::json!({"type": "follow", "user_id": 1007, "target_id": 3}));
    assert_eq!(service.get("/v1/feed").0, 400);
    let (_, metrics) = service.get("/metrics");
    let metrics = metrics.as_str().unwrap();
    let families: Vec<_> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for family in &families {
        assert!(metrics.contains(&format!("# HELP {family} ")), "{family} has no HELP");
    }
    for line in metrics.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(families.iter().any(|family| name.starts_with(family)), "{name} has no TYPE");
    }
    for expected in [
        r#"http_requests_total{route="/v1/feed",method="GET",status="200"} "#,
        r#"http_requests_total{route="/v1/feed",method="GET",status="400"} "#,
        r#"ingest_events_total{outcome="accepted"} 1"#,
        "http_request_seconds_bucket{",
        r#"follower_lag_events{follower="thunder"} "#,
        "log_events ",
        "http_connections ",
    ] {
        assert!(metrics.contains(expected), "{expected} is not in\n{metrics}");
    }
}
