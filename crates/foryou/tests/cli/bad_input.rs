//! Wrong use and broken input: a sentence that says what and where, and the right exit code. Never a panic.

use std::fs;
use std::net::TcpListener;

use serde_json::Value;

use crate::common::{events_file, fails, json, run};

#[test]
fn an_empty_or_missing_folder_has_nothing_to_rank() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for args in [&["train", "ranker", "--data", path][..], &["feed", "--user", "1", "--data", path]] {
        let error = fails(1, args);
        assert!(error.contains("holds no data yet") && error.contains(path), "{error}");
    }
}

#[test]
fn a_folder_of_something_else_is_refused_by_every_command() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "x").unwrap();
    let path = dir.path().to_str().unwrap();
    let file = dir.path().join("thesis.tex");
    let file = file.to_str().unwrap();
    for args in [
        &["up", "--data", path][..],
        &["feed", "--user", "1", "--data", path],
        &["demo", "--once", "--data", path],
        &["import", "events", file, "--data", path],
        &["doctor", "--data", path],
    ] {
        let error = fails(2, args);
        assert!(error.contains("thesis.tex"), "{args:?}: {error}");
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 1, "nothing was added to it");
}

#[test]
fn bad_rows_are_counted_with_their_line_and_the_good_ones_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    let lines = [
        r#"{"type":"post","at":1700000000000,"post_id":1,"author_id":9,"text":"a"}"#,
        r#"{"type":"post","at":170000"#,
        r#"{"type":"action","at":1700000001000,"user_id":2,"post_id":1,"action":"adore"}"#,
        r#"{"type":"delete","at":1700000002000,"post_id":1}"#,
        r#"{"type":"action","at":1700000003000,"user_id":2,"post_id":1,"action":"favorite"}"#,
        r#"{"type":"follow","at":1700000004000,"user_id":2,"target_id":2}"#,
        r#"{"type":"follow","at":1700000004000,"user_id":0,"target_id":2}"#,
        r#"{"type":"follow","at":"soon","user_id":3,"target_id":2}"#,
        r#"{"type":"poke","user_id":3}"#,
        r#"{"type":"follow","at":1700000005000,"user_id":3,"target_id":2,"colour":1}"#,
        "[]",
        r#"{"type":"follow","at":1700000006000,"user_id":3,"target_id":2}"#,
    ];
    let mut bytes = lines.join("\n").into_bytes();
    bytes.extend(b"\n{\"type\":\"post\",\"text\":\"\xff\"}\n");
    fs::write(&file, bytes).unwrap();
    let data = dir.path().join("data");
    let args = ["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let report = json(&args);
    assert_eq!((&report["imported"]["posts"], &report["imported"]["edges"]), (&1.into(), &1.into()), "{report}");
    let rejected: Vec<_> = report["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["line"].as_u64().unwrap(), r["reason"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        (2, ""),
        (3, "adore"),
        (5, "deleted"),
        (6, "target_id"),
        (7, "user_id"),
        (8, "at"),
        (9, "poke"),
        (10, "colour"),
        (11, ""),
        (13, "UTF-8"),
    ];
    assert_eq!(rejected.len(), expected.len(), "{rejected:?}");
    for ((line, reason), (expected_line, word)) in rejected.iter().zip(expected) {
        assert_eq!(*line, expected_line, "{rejected:?}");
        assert!(reason.contains(word), "line {line}: {reason:?} does not say {word:?}");
    }
    let again = json(&args);
    assert!(again["imported"].as_object().unwrap().values().all(|n| n.as_u64() == Some(0)), "{again}");
}

#[test]
fn another_kind_is_refused_with_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 100);
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    json(&["import", "events", file.to_str().unwrap(), "--data", data]);
    let set = dir.path().join("deskdrop");
    fs::create_dir(&set).unwrap();
    fs::write(set.join("interactions_slim.tsv.zst"), zstd_of("timestamp\teventType\tcontentId\tpersonId\tsessionId\n"))
        .unwrap();
    let error = fails(2, &["import", "deskdrop", set.to_str().unwrap(), "--data", data]);
    assert!(error.contains("live") && error.contains("deskdrop"), "{error}");
}

fn zstd_of(text: &str) -> Vec<u8> {
    // A zstd frame with one raw block: magic, single-segment header of one size byte, block header (last, raw, length), bytes.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, text.len() as u8];
    let header = (text.len() as u32) << 3 | 1;
    frame.extend(&header.to_le_bytes()[..3]);
    frame.extend(text.as_bytes());
    frame
}

#[test]
fn times_that_are_no_milliseconds_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    let lines = [
        r#"{"type":"post","at":1700000000000,"post_id":1,"author_id":9,"text":"milliseconds"}"#,
        r#"{"type":"post","at":1700000000000000,"post_id":2,"author_id":9,"text":"microseconds"}"#,
        r#"{"type":"post","at":-1,"post_id":3,"author_id":9,"text":"before the epoch"}"#,
        r#"{"type":"post","at":1785000000,"post_id":4,"author_id":9,"text":"seconds"}"#,
    ];
    fs::write(&file, lines.join("\n")).unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    let report = json(&["import", "events", file.to_str().unwrap(), "--data", data]);
    assert_eq!(
        (&report["imported"]["posts"], report["rejected"].as_array().unwrap().len()),
        (&1.into(), 3),
        "{report}"
    );
    let reasons = report["rejected"].to_string();
    for question in ["1970-01-21T15:50:00Z: is it in seconds?", "is it in microseconds?"] {
        assert!(reasons.contains(question), "{reasons}");
    }
    assert_eq!(json(&["feed", "--data", data, "--user", "5"])["clock"]["now"], 1_700_000_000_000_i64);
    assert!(fails(2, &["feed", "--data", data, "--user", "5", "--now", "1785000000"]).contains("is it in seconds?"));
}

#[test]
fn a_failed_import_leaves_the_folder_free() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    fs::write(&file, "").unwrap();
    let data = dir.path().join("data");
    let path = data.to_str().unwrap();
    fails(1, &["import", "events", file.to_str().unwrap(), "--data", path]);
    assert!(!data.join("profile.toml").exists(), "a failed import must not make it a folder of this kind");
    events_file(&file, 100);
    json(&["import", "events", file.to_str().unwrap(), "--data", path]);
}

#[test]
fn a_lost_or_damaged_log_is_never_called_healthy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 20_000);
    let data = dir.path().join("data");
    let path = data.to_str().unwrap();
    json(&["import", "events", file.to_str().unwrap(), "--data", path]);
    let segments = data.join("log/segments");
    let segment = fs::read_dir(&segments).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&segment).unwrap();

    // Gone: the projections must not be thrown away for an empty log.
    fs::remove_file(&segment).unwrap();
    for command in ["feed", "doctor"] {
        let args = if command == "feed" { vec!["feed", "--user", "1007"] } else { vec!["doctor"] };
        let output = run(&[&args[..], &["--data", path]].concat());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("log"), "{said}");
    }
    fs::write(&segment, &whole).unwrap();
    let healthy = json(&["doctor", "--data", path]);
    assert!(healthy["state"]["entries"].as_u64().unwrap() > 10_000);

    // Overwritten in the middle: nothing is served, no file is changed, and the doctor names the file.
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].copy_from_slice(b"garbage!");
    fs::write(&segment, &damaged).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    let error = fails(1, &["feed", "--user", "1007", "--data", path]);
    assert!(error.contains(name) && error.contains("--repair"), "{error}");
    let output = run(&["doctor", "--data", path]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(name), "{said}");
    assert_eq!(fs::read(&segment).unwrap(), damaged, "whoever looks changes nothing");
    // Repaired, it serves what is whole, and the damaged log is kept.
    let repaired = run(&["doctor", "--repair", "--data", path]);
    assert!(repaired.status.success(), "{}", String::from_utf8_lossy(&repaired.stderr));
    let kept: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(kept.iter().any(|name| name.to_string_lossy().starts_with("log.damaged")), "{kept:?}");
    let after = json(&["doctor", "--data", path]);
    let events = |report: &Value| {
        report["log"]["events"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>()
    };
    assert!(events(&after) < events(&healthy) && events(&after) > 0, "{after}");
    json(&["feed", "--user", "1007", "--data", path]);
}

#[test]
fn a_missing_set_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for kind in ["events", "world", "higgs", "deskdrop", "globo", "mind", "kuairand", "recbole"] {
        let error = fails(2, &["import", kind, "no/such/place", "--data", data.to_str().unwrap()]);
        assert!(error.contains("no/such/place"), "{kind}: {error}");
    }
    assert!(!data.join("profile.toml").exists(), "a failed import leaves no half-made folder");
}

#[test]
fn wrong_flags_and_ids_are_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 300);
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    json(&["import", "events", file.to_str().unwrap(), "--data", data]);
    for (user, word) in [("0", "0"), ("bob", "bob"), ("-1", "-1"), ("18446744073709551616", "18446744073709551616")] {
        let user = format!("--user={user}");
        let error = fails(2, &["feed", "--data", data, &user]);
        assert!(error.contains(word), "{error}");
    }
    fails(2, &["feed", "--data", data, "--user", "1", "--now", "yesterday"]);
    fails(2, &["feed", "--data", data]);
    fails(2, &["nonsense"]);
    let largest = json(&["feed", "--data", data, "--user", "18446744073709551615"]);
    assert_eq!(largest["viewer"], Value::from("18446744073709551615"));
}

#[test]
fn a_port_in_use_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 100);
    let data = dir.path().join("data");
    json(&["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = fails(1, &["up", "--listen", &address, "--data", data.to_str().unwrap()]);
    assert!(error.contains(&address) && error.contains("in use"), "{error}");
}

#[test]
fn settings_are_printed_with_their_origin() {
    let output = run(&["config", "--json", "--seed", "9"]);
    let settings: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(settings["seed"]["origin"], "--seed");
    assert_eq!(settings["server.listen"]["origin"], "default");
    let error = fails(2, &["config", "--config", "missing.toml"]);
    assert!(error.contains("missing.toml"));
}
