//! The references: printed by the binary for the data folder, kept in `docs/` for a folder with the default profile.

use std::fs;
use std::path::Path;

use crate::common::{json, run};

/// With `UPDATE_DOCS` in the environment the files are written, not compared.
#[test]
fn the_files_are_what_the_binary_prints() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("none");
    for topic in ["events", "settings", "recipes"] {
        let output = run(&["reference", topic, "--data", empty.to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/{topic}.md"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, printed).unwrap();
            continue;
        }
        let file = fs::read_to_string(&path).unwrap();
        assert!(file == printed, "docs/{topic}.md is out of date; run `just docs`");
    }
    assert!(!empty.exists(), "a reference makes no folder");
}

#[test]
fn a_folder_s_own_actions_and_ids_are_described() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("forum");
    let data = data.to_str().unwrap();
    json(&["init", "--data", data, "--ids", "signed", "--action", "clap=1", "--action", "boo=-2"]);

    let actions =
        |api: &serde_json::Value| api["components"]["schemas"]["ActionEvent"]["properties"]["action"]["enum"].clone();
    assert_eq!(actions(&json(&["openapi", "--data", data])), serde_json::json!(["clap", "boo"]));
    assert!(actions(&json(&["openapi", "--data", &format!("{data}-none")])).as_array().unwrap().len() > 2);

    let page = json(&["reference", "events", "--data", data]);
    let sections = page["sections"].as_array().unwrap();
    let section = |title: &str| &sections.iter().find(|section| section["title"] == title).unwrap()["rows"];
    assert_eq!(section("Actions")[1], serde_json::json!(["`boo`", "-2", "happens or not"]));
    let action = section("action").as_array().unwrap().iter().find(|row| row[0] == "`action`*").unwrap();
    assert_eq!(action[1], "one of `clap`, `boo`");
    assert!(section("delete")[0][1].as_str().unwrap().contains("-2^63"), "{}", section("delete"));
}
