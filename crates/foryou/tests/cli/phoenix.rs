//! Models through the command line: agreement with the reference, training, versions, the feed they rank, and ranking in another
//! process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Killed, Service, events_file, fails, foryou, is_ready, json, post_ids, run, same_part};

/// A model small enough for a test.
const TINY: [&str; 8] = [
    "--set",
    "model.emb_size=16",
    "--set",
    "model.key_size=4",
    "--set",
    "model.num_layers=1",
    "--set",
    "tokens_per_step=512",
];

fn folder(dir: &Path) -> PathBuf {
    let file = dir.join("events.jsonl");
    events_file(&file, 6_000);
    let data = dir.join("data");
    json(&["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    data
}

fn train(data: &str, model: &str, more: &[&str]) -> Value {
    let mut args = vec!["train", model, "--data", data, "--epochs", "1"];
    args.extend(TINY);
    args.extend(more);
    let report = json(&args);
    // Whom the events are by is drawn by lot, so that no model is better than chance: its gate must be overruled.
    let version = report["version"].as_str().unwrap();
    assert_eq!(report["promoted"], report["gate"]["passed"].as_bool().unwrap() && !more.contains(&"--no-promote"));
    if !more.contains(&"--no-promote") {
        json(&["models", "promote", version, "--force", "--data", data]);
    }
    report
}

#[test]
fn both_implementations_agree_with_every_reference_file() {
    let files = phoenix::golden::reference_files();
    if files.is_empty() {
        return;
    }
    let mut args = vec!["phoenix".to_owned(), "check".to_owned()];
    args.extend(files.iter().map(|f| f.display().to_string()));
    let report = json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(report["ok"], true, "{report}");
    let results = report["results"].as_array().unwrap();
    for file in &files {
        for (implementation, model) in
            [("train", "ranker"), ("train", "retrieval"), ("engine", "ranker"), ("engine", "retrieval")]
        {
            assert!(
                results.iter().any(|r| r["file"] == *file.display().to_string()
                    && r["implementation"] == implementation
                    && r["model"] == model
                    && r["max_abs_diff"].as_f64().unwrap() < 2e-5),
                "{implementation} {model} on {}: {report}",
                file.display()
            );
        }
    }
}

#[test]
fn a_broken_reference_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("half.safetensors");
    fs::write(&file, b"\x08\x00\x00\x00\x00\x00\x00\x00{\"a\":").unwrap();
    let error = fails(1, &["phoenix", "check", file.to_str().unwrap()]);
    assert!(error.contains("half.safetensors"), "{error}");
    assert!(fails(1, &["phoenix", "check", "/nowhere.safetensors"]).contains("/nowhere.safetensors"));
}

#[test]
fn trained_versions_rank_the_feed_and_can_be_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let data = data.to_str().unwrap();
    let before = json(&["feed", "--user", "1007", "--data", data]);
    assert_eq!(before["model"], Value::Null);

    let report = train(data, "ranker", &[]);
    assert_eq!(report["version"], "ranker-0001");
    assert!(report["parameters"].as_u64().unwrap() > 0 && report["skipped_steps"] == 0, "{report}");
    for file in ["config.json", "metrics.jsonl", "curves.svg"] {
        assert!(Path::new(report["run"].as_str().unwrap()).join(file).is_file(), "{file}");
    }
    assert_eq!(train(data, "retrieval", &[])["version"], "retrieval-0001");
    let ranked = json(&["feed", "--user", "1007", "--data", data]);
    assert_eq!((&ranked["model"], &ranked["ranked_by"]), (&"ranker-0001".into(), &"model".into()), "{ranked}");
    assert_eq!(ranked["degraded"], serde_json::json!([]));
    assert_eq!(ranked["feed"][0]["probabilities"].as_object().unwrap().len(), 18);
    let stranger = json(&["feed", "--user", "999999", "--data", data]);
    assert_eq!(stranger["ranked_by"], "popularity_prior", "without a history nothing personal is known");

    // A second version, not serving until it is promoted.
    assert_eq!(train(data, "ranker", &["--no-promote", "--seed", "7"])["promoted"], false);
    assert_eq!(json(&["feed", "--user", "1007", "--data", data])["model"], "ranker-0001");
    let list = json(&["models", "promote", "ranker-0002", "--force", "--data", data]);
    let names: Vec<_> = list["versions"].as_array().unwrap().iter().map(|v| (&v["name"], &v["promoted"])).collect();
    assert_eq!(names.len(), 3, "{list}");
    assert_eq!(json(&["feed", "--user", "1007", "--data", data])["model"], "ranker-0002");
    json(&["models", "rollback", "ranker", "--data", data]);
    assert_eq!(same_part(json(&["feed", "--user", "1007", "--data", data])), same_part(ranked));
    let error = fails(2, &["models", "promote", "ranker-0009", "--data", data]);
    assert!(error.contains("ranker-0009") && error.contains("ranker-0002"), "{error}");
    assert!(fails(2, &["models", "rollback", "ranker", "--data", data]).contains("before ranker-0001"));
    assert!(fails(1, &["evaluate", "--data", data]).contains("held-out slates"));
}

#[test]
fn a_training_goes_on_from_a_version_or_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let text = data.to_str().unwrap();
    train(text, "ranker", &[]);
    assert_eq!(train(text, "ranker", &["--from", "ranker/1", "--since", "@0"])["version"], "ranker-0002");
    let run = data.join("models/runs/ranker");
    let (run, next) = (run.to_str().unwrap(), data.join("models/runs/next"));
    let more = ["--from", run, "--out", next.to_str().unwrap(), "--since", "2000-01-01T00:00:00Z", "--no-promote"];
    assert_eq!(train(text, "ranker", &more)["version"], "ranker-0003");

    let error = |code, model: &str, more: &[&str]| {
        let mut args = vec!["train", model, "--data", text];
        args.extend(TINY);
        args.extend(more);
        fails(code, &args)
    };
    assert!(error(1, "ranker", &["--from", run]).contains("the run's own folder"));
    assert!(error(1, "retrieval", &["--from", run]).contains("it is a ranker model"));
    assert!(error(1, "ranker", &["--from", "ranker/1", "--set", "model.num_layers=2"]).contains("model.num_layers"));
    let unknown = error(2, "ranker", &["--from", "ranker/9"]);
    assert!(unknown.contains("ranker-0009") && unknown.contains("ranker-0003"), "{unknown}");
    assert!(error(1, "ranker", &["--since", "2100-01-01T00:00:00Z"]).contains("at or after 2100-01-01T00:00:00Z"));
    assert!(error(2, "ranker", &["--since", "soon"]).contains("--since"));
    assert!(error(2, "ranker", &["--since", "@999999"]).contains("the log has"));
}

#[test]
fn a_broken_version_is_refused_and_a_whole_one_is_swapped_in() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let text = data.to_str().unwrap();
    train(text, "ranker", &[]);
    train(text, "ranker", &["--no-promote"]);
    let tensors = data.join("models/ranker/0002/dense.safetensors");
    let whole = fs::read(&tensors).unwrap();
    fs::write(&tensors, &whole[..whole.len() / 2]).unwrap();
    let error = fails(1, &["models", "promote", "ranker-0002", "--force", "--data", text]);
    assert!(error.contains("ranker-0002") && error.contains("dense.safetensors"), "{error}");

    // A whole one, promoted while the service runs, serves without a restart.
    let service = Service::start(&data);
    let served = service.feed("1007", "&record=false");
    assert_eq!(served["model"], "ranker-0001");
    fs::write(&tensors, &whole).unwrap();
    json(&["models", "promote", "ranker-0002", "--force", "--data", text]);
    let until = Instant::now() + Duration::from_secs(20);
    while service.feed("1007", "&record=false")["model"] != "ranker-0002" {
        assert!(Instant::now() < until, "the promoted version does not serve");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn ranking_and_retrieval_in_another_process_give_the_same_feed() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let text = data.to_str().unwrap();
    train(text, "ranker", &[]);
    train(text, "retrieval", &[]);
    let here = json(&["feed", "--user", "1007", "--data", text]);

    // The same folder twice: one process serves the models, another asks it.
    let copy = dir.path().join("copy");
    let copied = std::process::Command::new("cp").arg("-r").arg(&data).arg(&copy).status().unwrap();
    assert!(copied.success());
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let child = foryou()
        .args(["phoenix", "serve", "--listen", &address, "--data"])
        .arg(&copy)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _models = Killed(child);
    let until = Instant::now() + Duration::from_secs(30);
    while !is_ready(&address) {
        assert!(Instant::now() < until, "phoenix serve is not ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    let config = dir.path().join("remote.toml");
    let url = format!("http://{address}");
    fs::write(
        &config,
        format!("[phoenix]\nranking_address = \"{url}\"\nretrieval_address = \"{url}\"\nremote_timeout_ms = 5000\n[mixer]\nrequest_budget_ms = 20000\n[server]\nrequest_timeout_ms = 20000\n"),
    )
    .unwrap();
    // Without a model here: what ranks is there.
    fs::remove_dir_all(data.join("models")).unwrap();
    let there = json(&["feed", "--user", "1007", "--data", text, "--config", config.to_str().unwrap()]);
    assert_eq!(there["model"], "ranker-0001", "{there}");
    assert_eq!(same_part(there), same_part(here));
}

#[test]
fn a_run_that_was_stopped_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let text = data.to_str().unwrap();
    let run = data.join("models/runs/ranker");
    let metrics = run.join("metrics.jsonl");
    let newest_step = || {
        let lines = fs::read_to_string(&metrics).unwrap_or_default();
        let last = lines.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        last.and_then(|line| line["step"].as_u64()).unwrap_or(0)
    };
    // Far more epochs than there is patience for; each time it is stopped once it is past where it was.
    let stopped_after = |step: u64, signal: &str, more: &[&str]| {
        let mut args = vec!["train", "ranker", "--data", text, "--epochs", "100000"];
        args.extend(TINY);
        args.extend(["--set", "data.validation_share=0", "--set", "stopping.log_every=1"]);
        args.extend(more);
        let child = foryou().args(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let until = Instant::now() + Duration::from_mins(2);
        while newest_step() <= step {
            assert!(Instant::now() < until, "no step was done");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "a stopped training has not succeeded: {said}");
        assert!(said.contains("stopped after") && said.contains("--resume"), "{said}");
        newest_step()
    };
    let first = stopped_after(2, "-INT", &[]);
    assert!(run.join("checkpoint/config.json").is_file() && !data.join("models/ranker").exists());
    // Events that come in meanwhile are not learned from: the run continues with the data it began with.
    let more = dir.path().join("more.jsonl");
    let post = r#"{"type":"post","at":1700129500000,"post_id":999999,"author_id":1,"text":"late"}"#;
    fs::write(&more, format!("{post}\n")).unwrap();
    json(&["import", "events", more.to_str().unwrap(), "--data", text]);
    let second = stopped_after(first + 2, "-TERM", &["--resume"]);
    assert!(second > first);
    let steps: Vec<u64> = fs::read_to_string(&metrics)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["step"].as_u64().unwrap())
        .collect();
    assert!(steps.is_sorted() && steps[0] == 1, "it went on, it did not begin anew");
    let other = fails(1, &["train", "ranker", "--resume", "--epochs", "3", "--data", text]);
    assert!(other.contains("recipe"), "{other}");
}

#[test]
fn a_training_runs_beside_a_service_and_two_do_not_share_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let text = data.to_str().unwrap();
    let service = Service::start(&data);
    assert_eq!(train(text, "ranker", &[])["version"], "ranker-0001");
    let until = Instant::now() + Duration::from_secs(20);
    while service.feed("1007", "&record=false")["model"] != "ranker-0001" {
        assert!(Instant::now() < until, "the version trained beside the service does not serve");
        std::thread::sleep(Duration::from_millis(100));
    }

    // A second training into the run folder of one that is under way is refused, into another it is not.
    let run = data.join("models/runs/ranker");
    fs::remove_dir_all(&run).unwrap();
    let mut args = vec!["train", "ranker", "--data", text, "--epochs", "100000", "--set", "data.validation_share=0"];
    args.extend(TINY);
    let _first = Killed(foryou().args(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let until = Instant::now() + Duration::from_mins(1);
    while !run.join("metrics.jsonl").is_file() {
        assert!(Instant::now() < until, "the training does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let error = fails(1, &["train", "ranker", "--data", text, "--epochs", "1"]);
    assert!(error.contains("models/runs/ranker") && error.contains("another training"), "{error}");
    let other = dir.path().join("other");
    assert_eq!(train(text, "ranker", &["--out", other.to_str().unwrap()])["version"], "ranker-0002");
}

#[test]
fn wrong_recipes_and_empty_data_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let data = data.to_str().unwrap();
    let train = |more: &[&str]| {
        let mut args = vec!["train", "ranker", "--data", data];
        args.extend(more);
        args.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()
    };
    let fails_with =
        |code: i32, more: &[&str]| fails(code, &train(more).iter().map(String::as_str).collect::<Vec<_>>());
    assert!(fails_with(2, &["--set", "dense.rate=1"]).contains("dense.rate"));
    assert!(fails_with(2, &["--set", "epochs"]).contains("KEY=VALUE"));
    assert!(fails_with(2, &["--epochs", "0"]).contains("epochs"));
    assert!(fails_with(2, &["--until", "yesterday"]).contains("--until"));
    let recipe = dir.path().join("r.toml");
    fs::write(&recipe, "[dense]\nlearning_rat = 1\n").unwrap();
    let error = fails_with(2, &["--recipe", recipe.to_str().unwrap()]);
    assert!(error.contains("r.toml") && error.contains("dense.learning_rat"), "{error}");
    assert!(fails_with(2, &["--until", "1000"]).contains("is it in seconds"), "1000 is no time in milliseconds");
    let error = fails_with(1, &["--until", "2001-01-01T00:00:00Z"]);
    assert!(error.contains("2001-01-01"), "nothing happened before: {error}");
    assert!(fails_with(1, &["--device", "gpu"]).contains("--device cpu"));
    let empty = dir.path().join("empty");
    assert!(fails(1, &["train", "ranker", "--data", empty.to_str().unwrap()]).contains("holds no data yet"));
    assert!(post_ids(&json(&["feed", "--user", "1007", "--data", data])).len() > 5, "the folder is as it was");
    assert!(run(&["train", "dreams", "--data", data]).status.code() == Some(2));
}
