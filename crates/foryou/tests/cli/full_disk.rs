//! A full disk: a clear error, nothing half-applied, and the import or the service goes on once there is space.

use std::process::Command;
use std::time::{Duration, Instant};

use tonic_health::pb::health_check_response::ServingStatus;

use crate::common::{Service, events_file, fails, json, same_part};

/// A small file system in memory, gone with the test.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .status();
        if mounted.is_ok_and(|s| s.success()) {
            return Some(Self(dir));
        }
        println!("SKIPPED: a tmpfs cannot be mounted here (needs root)");
        None
    }

    fn grow(&self, size: &str) {
        let status =
            Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0.path()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}

#[test]
fn an_import_that_fills_the_disk_says_so_and_goes_on_later() {
    let Some(small) = Tmpfs::new("6m") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 120_000);
    let file = file.to_str().unwrap();
    let data = small.0.path().join("data");
    let data = data.to_str().unwrap();

    let error = fails(1, &["import", "events", file, "--data", data]);
    assert!(error.contains("No space left") || error.contains("os error 28"), "{error}");
    assert!(error.contains(data), "the error names the file: {error}");

    small.grow("512m");
    json(&["import", "events", file, "--data", data]);
    let whole = dir.path().join("whole");
    let whole = whole.to_str().unwrap();
    json(&["import", "events", file, "--data", whole]);
    for key in ["state", "log"] {
        assert_eq!(json(&["doctor", "--data", data])[key], json(&["doctor", "--data", whole])[key]);
    }
    let feed = |data| same_part(json(&["feed", "--data", data, "--user", "1007"]));
    assert_eq!(feed(data), feed(whole));
}

/// Events with ids, so that a second sending tells whether the first one was kept.
fn batch(round: usize) -> String {
    let text = "x".repeat(2_000);
    let events: Vec<_> = (0..100)
        .map(|n| {
            let post = 1_000_000 + round * 100 + n;
            serde_json::json!({"type": "post", "id": format!("{round}/{n}"), "post_id": post.to_string(),
                "author_id": "7", "text": text})
        })
        .collect();
    serde_json::json!({ "events": events }).to_string()
}

#[tokio::main(flavor = "current_thread")]
async fn health(service: &Service) -> ServingStatus {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", service.address)).unwrap();
    let mut client = tonic_health::pb::health_client::HealthClient::new(endpoint.connect().await.unwrap());
    client.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap().into_inner().status()
}

#[test]
fn a_service_on_a_full_disk_says_so_tells_the_truth_and_goes_on_by_itself() {
    let Some(small) = Tmpfs::new("48m") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 2_000);
    let data = small.0.path().join("data");
    json(&["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    let service = Service::start(&data);

    let mut answers = Vec::new();
    for round in 0..600 {
        let (status, answer) = service.post("/v1/events", &batch(round));
        answers.push(status);
        if status == 503 {
            break;
        }
        assert_eq!((status, &answer["accepted"]), (200, &100.into()), "{answer}");
    }
    assert_eq!(answers.last(), Some(&503), "the disk got full");
    // What room the service itself may find by tidying up is taken, too.
    let rest = std::fs::File::create(small.0.path().join("rest")).unwrap();
    std::io::copy(&mut std::io::repeat(0), &mut &rest).unwrap_err();
    let (status, answer) = service.post("/v1/events", &batch(answers.len()));
    assert_eq!(status, 503, "{answer}");
    answers.push(status);
    let (status, missing) = service.get("/readyz");
    assert!(status == 503 && missing.to_string().contains("writes"), "{missing}");
    // Health looks a few times a second.
    let until = Instant::now() + Duration::from_secs(5);
    while health(&service) != ServingStatus::NotServing {
        assert!(Instant::now() < until, "gRPC health says SERVING while /readyz does not");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(service.get("/v1/feed?user=1007").0, 200, "what is there can be read");

    small.grow("512m");
    let until = Instant::now() + Duration::from_secs(30);
    while service.get("/readyz").0 != 200 {
        assert!(Instant::now() < until, "{:?}", service.get("/readyz"));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(health(&service), ServingStatus::Serving);
    // What was acknowledged is there, what was refused is not.
    for (round, status) in answers.iter().enumerate() {
        let (again, answer) = service.post("/v1/events", &batch(round));
        let wanted = if *status == 200 { 0 } else { 100 };
        assert_eq!((again, &answer["accepted"]), (200, &wanted.into()), "batch {round}, answered {status}: {answer}");
    }
}
