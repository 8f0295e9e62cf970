//! What people read, as it is printed: help, tables, reports, errors and the description of the API. `just snapshots` writes the files
//! again; read their difference before it is committed.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{Service, foryou, small_town};

/// Settings under which output is the same on every machine: times, folders, ports and versions have names.
fn stable(dir: &Path) -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(&regex::escape(&dir.display().to_string()), "[dir]");
    settings.add_filter(r"\bin \d+\.\d+ s\b", "in [time]");
    settings.add_filter(r"(?m)^ms: .*$", "ms: [times of the stages]");
    settings.add_filter(r"127\.0\.0\.1:\d{5}\b", "127.0.0.1:[port]");
    settings.add_filter(&regex::escape(env!("CARGO_PKG_VERSION")), "[version]");
    settings.add_filter(r#"("request_id": )"[^"]+""#, r#"$1"[id]""#);
    settings.add_filter(r"pid \d+", "pid [pid]");
    settings.bind_to_scope()
}

/// What a command prints, on stdout and then on stderr, and the exit code if it is not 0.
fn printed(args: &[&str]) -> String {
    let output = foryou().env("COLUMNS", "100").args(args).output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    if !errors.is_empty() {
        text.push_str(&format!("--- stderr\n{errors}"));
    }
    match output.status.code() {
        Some(0) => text,
        code => format!("{text}--- exit code {code:?}\n"),
    }
}

/// The data folder of the example town.
fn town(dir: &Path) -> PathBuf {
    let data = dir.join("town");
    small_town(&data);
    data
}

#[test]
fn help() {
    let dir = tempfile::tempdir().unwrap();
    let _stable = stable(dir.path());
    assert_snapshot!("help", printed(&["--help"]));
    for command in [
        "demo",
        "up",
        "init",
        "import",
        "world",
        "feed",
        "train",
        "stream",
        "evaluate",
        "models",
        "phoenix",
        "doctor",
        "dump",
        "restore",
        "config",
        "openapi",
        "reference",
    ] {
        assert_snapshot!(format!("help_{command}"), printed(&[command, "--help"]));
    }
}

#[test]
fn reports_of_imports() {
    let dir = tempfile::tempdir().unwrap();
    let _stable = stable(dir.path());
    let file = dir.path().join("mixed.jsonl");
    let lines = [
        r#"{"type":"post","at":1700000000000,"post_id":1,"author_id":7,"text":"one"}"#,
        r#"{"type":"follow","at":1700000001000,"user_id":8,"target_id":7}"#,
        r#"{"type":"action","at":1700000002000,"user_id":8,"post_id":1,"action":"favorite"}"#,
        r#"{"type":"action","at":1700000003000,"user_id":8,"post_id":1,"action":"applaud"}"#,
        r#"{"type":"post","at":"noon","post_id":2,"author_id":7}"#,
        "not JSON at all",
    ];
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let (file, data) = (file.to_str().unwrap(), dir.path().join("data"));
    let data = data.to_str().unwrap();
    assert_snapshot!("import", printed(&["import", "events", file, "--data", data]));
    assert_snapshot!("import_again", printed(&["import", "events", file, "--data", data]));
    assert_snapshot!("import_of_nothing", printed(&["import", "higgs", file, "--data", data]));
}

#[test]
fn a_folder_and_its_feeds() {
    let dir = tempfile::tempdir().unwrap();
    let _stable = stable(dir.path());
    let data = town(dir.path());
    let data = data.to_str().unwrap();
    assert_snapshot!("feed", printed(&["feed", "--user", "42", "--data", data]));
    assert_snapshot!("feed_explain", printed(&["feed", "--explain", "--user", "42", "--data", data]));
    assert_snapshot!("models_none", printed(&["models", "list", "--data", data]));
    assert_snapshot!("config", printed(&["config", "--threads", "3"]));
    let doctor = printed(&["doctor", "--data", data]);
    let of_this_machine = regex::Regex::new(r"(?m)^\S+ +(cpu|disk|port) .*$").unwrap();
    let doctor = of_this_machine.replace_all(&doctor, "$1 [of this machine]");
    assert_snapshot!("doctor", doctor);
}

#[test]
fn mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let _stable = stable(dir.path());
    let file = dir.path().join("c.toml");
    let file = file.to_str().unwrap();
    let data = dir.path().join("none");
    let data = data.to_str().unwrap();
    let mut said = String::new();
    let mut say = |args: &[&str]| said.push_str(&format!("$ foryou {}\n{}\n", args.join(" "), printed(args)));
    say(&["feed", "--data", data, "--user", "1"]);
    say(&["import", "events", "no such file", "--data", data]);
    say(&["train", "ranker", "--data", data, "--set", "epoch=2"]);
    say(&["train", "ranker", "--data", data, "--set", "epochs=0"]);
    say(&["stream", "deskdrop", "set", "--data", data, "--test-share", "2"]);
    for text in
        ["sede = 1", "\n[log]\nfsync = \"sometimes\"", "[mixer]\nresult_size = 0", "[thunder.store]\nmax_results = 10"]
    {
        std::fs::write(file, text).unwrap();
        say(&["config", "--config", file]);
    }
    assert_snapshot!("mistakes", said);
}

#[test]
fn problems_of_the_service() {
    let dir = tempfile::tempdir().unwrap();
    let _stable = stable(dir.path());
    let service = Service::start(&town(dir.path()));
    let mut said = String::new();
    let mut say = |what: &str, (status, mut body): (u16, Value)| {
        // Where the log ends is not what these are about.
        body.as_object_mut().and_then(|body| body.remove("position"));
        said.push_str(&format!("{what}\n{status} {body:#}\n\n"));
    };
    for path in [
        "/v1/feed",
        "/v1/feed?user=42&limit=0",
        "/v1/feed?user=42&limit=201",
        "/v1/feed?user=42&colour=red",
        "/v1/feed?user=42&cursor=AAAA",
        "/v1/feed?user=42&now=noon",
        "/v1/requests/nope",
        "/v1/nothing",
    ] {
        say(&format!("GET {path}"), service.get(path));
    }
    for body in [
        "",
        "{",
        r#"{"events": []}"#,
        r#"{"events": [{"type": "post"}]}"#,
        r#"{"events": [{"type": "dance", "at": 1}]}"#,
        r#"{"events": [{"type": "follow", "at": 1, "user_id": "", "target_id": "b"}]}"#,
    ] {
        say(&format!("POST /v1/events {body}"), service.post("/v1/events", body));
    }
    say("POST /v1/feed {}", service.post("/v1/feed", "{}"));
    assert_snapshot!("problems", said);
}

#[test]
fn the_description_of_the_api() {
    let dir = tempfile::tempdir().unwrap();
    let _stable = stable(dir.path());
    let none = dir.path().join("none");
    assert_snapshot!("openapi", printed(&["openapi", "--data", none.to_str().unwrap()]));
}
