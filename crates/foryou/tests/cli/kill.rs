//! `kill -9` at random moments of an import, and of a service that takes events with trainings and promotions beside it: nothing
//! acknowledged is lost, nothing is there twice.
//!
//! `TEST_KILL_ROUNDS` and `TEST_KILL_EVENTS` make it the real size; without them it is a quick form.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use phoenix::ModelKind;
use serde_json::Value;

use crate::common::{Killed, Service, events_file, foryou, json, post_ids, run, same_part};
use crate::small_model;

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn log_bytes(data: &Path) -> u64 {
    std::fs::read_dir(data.join("log/segments"))
        .map_or(0, |files| files.flatten().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum())
}

fn what_is_there(data: &str) -> (Value, Value) {
    let state = json(&["doctor", "--data", data])["state"].clone();
    (state, same_part(json(&["feed", "--data", data, "--user", "1007", "-n", "50"])))
}

fn total(report: &Value) -> u64 {
    report["imported"].as_object().expect("counts").values().filter_map(Value::as_u64).sum()
}

#[test]
fn killed_imports_end_as_undisturbed_ones() {
    let (rounds, events) = (size("TEST_KILL_ROUNDS", 3), size("TEST_KILL_EVENTS", 60_000));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, events);
    let file = file.to_str().unwrap();

    let whole = dir.path().join("whole");
    let whole = whole.to_str().unwrap();
    let started = Instant::now();
    let report = json(&["import", "events", file, "--data", whole]);
    let took = started.elapsed();
    let all = total(&report);
    assert!(all as usize > events / 2, "{report}");
    let expected = what_is_there(whole);
    assert!(post_ids(&expected.1).len() >= 20, "{}", expected.1);

    // Any fixed seed: the moments are spread over the import, and a failure comes back.
    let mut seed = 7u64;
    for round in 0..rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = took.mul_f64(0.05 + 0.85 * (seed >> 11) as f64 / (1u64 << 53) as f64);
        let data = dir.path().join(format!("round-{round}"));
        let child = foryou()
            .args(["import", "events", file, "--data"])
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut child = Killed(child);
        let started = Instant::now();
        // Not before something was acknowledged, or there is nothing to lose.
        while started.elapsed() < moment || log_bytes(&data) < 100_000 {
            if child.0.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(child); // SIGKILL

        let data = data.to_str().unwrap();
        let second = total(&json(&["import", "events", file, "--data", data]));
        assert!(second < all, "round {round}: the second run added {second} of {all}: the first had kept nothing");
        assert_eq!(total(&json(&["import", "events", file, "--data", data])), 0, "round {round}");
        assert_eq!(what_is_there(data), expected, "round {round}, killed after {moment:?}");
        println!("round {round}: killed after {moment:?} of {took:?}, the second run added {second} of {all}");
        std::fs::remove_dir_all(data).unwrap();
    }
}

/// Starts a command in parallel; it is killed when the value is dropped.
fn beside(data: &Path, args: &[&str]) -> Killed {
    let child = foryou().args(args).arg("--data").arg(data).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Killed(child.unwrap())
}

/// An action that can be told from all others.
fn event(number: u64) -> Value {
    serde_json::json!({"type": "action", "id": format!("kill-{number}"), "user_id": (5_000 + number % 50).to_string(),
        "post_id": (1 + number % 100).to_string(), "action": "click"})
}

/// Sends events and returns how many were new; `None` if the service is gone.
fn send(address: &str, numbers: std::ops::Range<u64>) -> Option<u64> {
    let events: Vec<_> = numbers.map(event).collect();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://{address}/v1/events")).content_type("application/json");
    let mut answer = request.send(serde_json::json!({ "events": events }).to_string()).ok()?;
    let text = answer.body_mut().read_to_string().ok()?;
    assert_eq!(answer.status(), 200, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["accepted"].as_u64()
}

/// A service that takes events, a training and promotions beside it, all killed: what was acknowledged is there, the folder is
/// whole, and one of the two models serves.
#[test]
fn killed_services_trainings_and_promotions_lose_nothing() {
    let rounds = size("TEST_KILL_ROUNDS", 2) as u64;
    let dir = tempfile::tempdir().unwrap();
    // A world, because a training needs something to learn from.
    let (world, data) = (dir.path().join("world"), dir.path().join("data"));
    let (world, folder) = (world.to_str().unwrap(), data.to_str().unwrap());
    json(&["world", "--users", "50", "--out", world]);
    json(&["import", "world", world, "--data", folder]);
    let versions = [1, 2].map(|seed| small_model::add(&data, ModelKind::Ranker, seed));
    json(&["models", "promote", &versions[0], "--data", folder]);

    let (mut acknowledged, mut promotions, mut changes, mut trained) = (0, 0, 0, 0);
    let mut before = String::new();
    for round in 0..rounds {
        let training = beside(&data, &["train", "ranker", "--no-promote", "--epochs", "100"]);
        let service = Service::start(&data);
        let mut promotion = beside(&data, &["models", "promote", &versions[0]]);
        let until = Instant::now() + Duration::from_millis(150 + 137 * (round % 7));
        let address = service.address.clone();
        // Numbers that were sent and not acknowledged are sent again in the next round, as a sender does.
        let first = acknowledged;
        let sender = std::thread::spawn(move || {
            (first..).step_by(5).find(|&number| send(&address, number..number + 5).is_none())
        });
        while Instant::now() < until {
            if let Some(ended) = promotion.0.try_wait().unwrap() {
                assert!(ended.success());
                promotions += 1;
                promotion = beside(&data, &["models", "promote", &versions[promotions % 2]]);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // A little later each time, so that the promotion is killed everywhere in its course.
        std::thread::sleep(Duration::from_micros(700 * (round % 31)));
        drop((service, promotion, training)); // SIGKILL, one after another
        acknowledged = sender.join().unwrap().unwrap();
        trained += u32::from(data.join("models/runs/ranker/checkpoint").is_dir());
        let output = run(&["doctor", "--data", folder]);
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "round {round}: {told}");
        let serving = json(&["models", "list", "--data", folder]);
        let serving: Vec<_> =
            serving["versions"].as_array().unwrap().iter().filter(|v| v["promoted"] == true).collect();
        let name = serving.first().and_then(|version| version["name"].as_str()).unwrap_or_default().to_owned();
        assert!(serving.len() == 1 && versions.contains(&name), "round {round}: {serving:?}");
        changes += u32::from(name != before);
        before = name;
    }
    let service = Service::start(&data);
    for first in (0..acknowledged).step_by(200) {
        let lost = send(&service.address, first..acknowledged.min(first + 200));
        assert_eq!(lost, Some(0), "acknowledged before a kill, and new afterwards, from {first} on");
    }
    println!(
        "{rounds} kills, {acknowledged} events acknowledged, none lost; {promotions} promotions, another version served after \
         {changes} kills; {trained} trainings had written a checkpoint"
    );
}
