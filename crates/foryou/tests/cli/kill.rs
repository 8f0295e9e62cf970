//! `kill -9` at random moments of an import: nothing acknowledged is lost, nothing is there twice.
//!
//! `TEST_KILL_ROUNDS` and `TEST_KILL_EVENTS` make it the real size; without them it is a quick form.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Killed, events_file, foryou, json, post_ids, same_part};

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
