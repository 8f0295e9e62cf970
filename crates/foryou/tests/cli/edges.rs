//! The edges of commands: failures with `--json`, a live folder from nothing, ports and host names.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::common::{Killed, foryou, run};

/// The one JSON document that a failing command prints on stdout.
fn failure(code: i32, args: &[&str]) -> Value {
    let output = run(args);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "foryou {args:?}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("foryou {args:?}: not one JSON document ({e}):\n{out}"))
}

#[test]
fn a_failure_with_json_is_one_document_with_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let missing = missing.to_str().unwrap();
    for (code, kind, says, args) in [
        (1, "failed", "holds no data yet", &["feed", "--user", "1", "--data", missing, "--json"][..]),
        (2, "wrong_use", "--now", &["feed", "--user", "1", "--now", "soon", "--data", missing, "--json"]),
        (2, "wrong_use", "--user", &["feed", "--json"]),
        (2, "wrong_use", "nonsense", &["--json", "nonsense"]),
    ] {
        let document = failure(code, args);
        assert_eq!(document["error"]["kind"], kind, "{args:?}: {document}");
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{args:?}: {message}");
    }
}

#[test]
fn an_empty_folder_starts_live_and_takes_an_event_of_now() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("new");
    let mut child = foryou()
        .args(["up", "--json", "--listen", "localhost:0", "--data"])
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _service = Killed(child);
    let mut document = String::new();
    let serving: Value = loop {
        document.push_str(&lines.next().expect("the document ends").unwrap());
        if let Ok(value) = serde_json::from_str(&document) {
            break value;
        }
    };
    let url = serving["listening"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while agent.get(format!("{url}/readyz")).call().is_ok_and(|answer| answer.status() != 200) {
        assert!(std::time::Instant::now() < until, "not ready after 30 s");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let body = r#"{"events":[{"type":"post","post_id":"1","author_id":"7","text":"hello"}]}"#;
    let mut response = agent.post(format!("{url}/v1/events")).content_type("application/json").send(body).unwrap();
    let answer: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&1.into(), &serde_json::json!([])), "{answer}");
    let feed = agent.get(format!("{url}/v1/feed?user=42")).call().unwrap().body_mut().read_to_string().unwrap();
    let feed: Value = serde_json::from_str(&feed).unwrap();
    assert_eq!((&feed["clock"]["kind"], &feed["feed"][0]["post_id"]), (&"wall".into(), &"1".into()), "{feed}");
}

#[test]
fn a_demo_on_a_taken_port_fails_before_it_makes_anything() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let document = failure(1, &["demo", "--json", "--port", &port, "--data", data.to_str().unwrap()]);
    assert!(document["error"]["message"].as_str().unwrap().contains("in use"), "{document}");
    assert!(!data.exists(), "nothing was made");
}
