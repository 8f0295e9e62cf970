//! Wrong and unusual times: they are refused with what they would mean, and none of them moves a log's clock alone.

use std::fs;

use serde_json::json as value;

use crate::common::{Service, events_file, fails, json, post_ids, run};

const T: i64 = 1_785_000_000_000;

/// A follow and five posts within five seconds, and what else is given.
fn lines(more: &[String]) -> String {
    let mut lines = vec![format!(r#"{{"type":"follow","at":{T},"user_id":1,"target_id":2}}"#)];
    lines.extend((0..5).map(|i| {
        format!(r#"{{"type":"post","at":{},"post_id":{},"author_id":2,"text":"post {i}"}}"#, T + i * 1_000, 10 + i)
    }));
    lines.extend_from_slice(more);
    lines.join("\n") + "\n"
}

#[test]
fn one_wrong_time_is_refused_by_name_or_stands_aside() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    let outlier = r#"{"type":"follow","at":"2099-01-01T00:00:00Z","user_id":5,"target_id":6}"#.to_owned();
    fs::write(&file, lines(&[outlier])).unwrap();
    let file = file.to_str().unwrap();
    for (folder, flag) in [("refused", None), ("taken", Some("--allow-gaps"))] {
        let data = dir.path().join(folder);
        let data = data.to_str().unwrap();
        let mut args = vec!["import", "events", file, "--data", data];
        args.extend(flag);
        let report = json(&args);
        let feed = json(&["feed", "--data", data, "--user", "1"]);
        assert_eq!(feed["clock"]["now"], T + 4_000, "{feed}");
        assert_eq!(post_ids(&feed).len(), 5);
        let doctor = json(&["doctor", "--data", data]).to_string();
        assert!(doctor.contains("set by event 5"), "{doctor}");
        if flag.is_none() {
            let reason = report["rejected"][0]["reason"].as_str().unwrap();
            assert!(
                reason.contains("2099-01-01T00:00:00Z is 26457 days after") && reason.contains("--allow-gaps"),
                "{reason}"
            );
        } else {
            assert_eq!(report["rejected_total"], 0, "{report}");
            assert!(doctor.contains("ahead of all others") && doctor.contains("event 6 of 2099-01-01"), "{doctor}");
        }
    }
}

#[test]
fn rows_after_a_long_pause_are_taken_in_any_order_and_in_any_number_of_files() {
    const DAY: i64 = 86_400_000;
    let dir = tempfile::tempdir().unwrap();
    let posts = |ids: std::ops::Range<i64>, day: i64| -> Vec<String> {
        let post = |id: i64| format!(r#"{{"type":"post","at":{},"post_id":{id},"author_id":2}}"#, T + day * DAY + id);
        ids.map(post).collect()
    };
    let import = |name: &str, files: &[Vec<String>]| {
        let data = dir.path().join(name);
        let mut args = vec!["import".to_owned(), "events".to_owned(), "--data".to_owned(), data.display().to_string()];
        for (place, lines) in files.iter().enumerate() {
            let file = dir.path().join(format!("{name}{place}.jsonl"));
            fs::write(&file, lines.join("\n") + "\n").unwrap();
            args.push(file.display().to_string());
        }
        args
    };
    let counts = |name: &str, files: &[Vec<String>]| {
        let args = import(name, files);
        let report = json(&args.iter().map(String::as_str).collect::<Vec<_>>());
        (report["imported"]["posts"].as_u64().unwrap(), report["rejected_total"].as_u64().unwrap())
    };
    // More rows than a batch has on either side of the pause, and one wrong time behind it.
    let (old, new, wrong) = (posts(1..6_001, 0), posts(6_001..14_001, 40), posts(14_001..14_002, 26_000));
    assert_eq!(counts("one", &[[old.clone(), new.clone(), wrong.clone()].concat()]), (14_000, 1));
    assert_eq!(counts("turned", &[[wrong.clone(), new.clone(), old.clone()].concat()]), (14_000, 1));
    assert_eq!(counts("two", &[[old.clone(), wrong.clone()].concat(), new.clone()]), (14_000, 1));
    assert_eq!(counts("swapped", &[new, [wrong, old].concat()]), (14_000, 1));

    // A later file of a few rows is refused, and taken as soon as it has as many as make a pause.
    assert_eq!(counts("grown", &[posts(1..61, 0)]), (60, 0));
    let args = import("grown", &[posts(61..70, 40)]);
    let error = fails(1, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(error.contains("--allow-gaps"), "{error}");
    assert_eq!(counts("grown", &[posts(61..71, 40)]), (10, 0));
}

#[test]
fn an_empty_feed_names_the_event_that_made_now() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    let late =
        |user: i64| format!(r#"{{"type":"follow","at":{},"user_id":{user},"target_id":2}}"#, T + 20 * 86_400_000);
    fs::write(&file, lines(&[late(3), late(4)])).unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    json(&["import", "events", file.to_str().unwrap(), "--data", data]);
    let feed = json(&["feed", "--data", data, "--user", "1"]);
    let made_by = feed["clock"]["made_by"].as_str().unwrap();
    assert!(post_ids(&feed).is_empty() && made_by.starts_with("event 6 of 2026-08-14T17:20:00Z"), "{feed}");
    let text = String::from_utf8(run(&["feed", "--data", data, "--user", "1"]).stdout).unwrap();
    assert!(text.contains(made_by), "{text}");
}

#[test]
fn a_look_at_another_moment_is_never_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 600);
    let data = dir.path().join("data");
    json(&["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    let error =
        fails(2, &["feed", "--data", data.to_str().unwrap(), "--user", "1", "--now", "1700129000000", "--record"]);
    assert!(error.contains("never recorded"), "{error}");

    let service = Service::start(&data);
    let now = service.feed("1", "&record=false")["clock"]["now"].as_i64().unwrap();
    let before = post_ids(&service.feed("1", "&record=false"));
    for moment in [now + 86_400_000, now + 1_000, now - 1_000] {
        let (status, look) = service.post("/v1/feed", &value!({"user_id": 1, "now": moment}).to_string());
        assert_eq!((status, &look["clock"]["kind"]), (200, &"request".into()), "{look}");
        assert!(!post_ids(&look).is_empty());
        service.feed("1", &format!("&now={moment}"));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(post_ids(&service.feed("1", "&record=false")), before, "nothing was served to anybody");
    let both = value!({"user_id": 1, "now": now, "record": true}).to_string();
    assert_eq!(service.post("/v1/feed", &both).0, 400);
    assert_eq!(service.get("/v1/feed?user=1&now=1785000000").0, 400);
    let seconds = value!({"events": [{"type": "follow", "at": now / 1_000, "user_id": 1, "target_id": 2}]});
    let (_, answer) = service.post("/v1/events", &seconds.to_string());
    assert!(answer["rejected"][0]["reason"].as_str().unwrap().contains("is it in seconds?"), "{answer}");
}
