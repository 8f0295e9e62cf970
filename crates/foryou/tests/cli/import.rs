//! `foryou import` and `foryou init`: what is taken, what is left, what is said.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::common::{fails, foryou, json};

const T: i64 = 1_785_000_000_000;

fn posts(ids: std::ops::Range<i64>) -> String {
    let post = |i| {
        format!(
            "{{\"type\": \"post\", \"at\": {}, \"post_id\": \"{i}\", \"author_id\": \"2\", \"text\": \"t\"}}\n",
            T + i
        )
    };
    ids.map(post).collect()
}

fn imported(report: &serde_json::Value, what: &str) -> u64 {
    report["imported"][what].as_u64().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_refused_row_comes_in_when_it_is_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let (file, data) = (dir.path().join("events.jsonl"), dir.path().join("data"));
    let args = ["import", "events", text(&file), "--data", text(&data)];
    // Refused by the folder: the post is deleted; by the decoder: 0 is not an id; broken off in the middle.
    let action = |post: i64| {
        format!(
            "{{\"type\":\"action\",\"at\":{},\"user_id\":\"1\",\"post_id\":\"{post}\",\"action\":\"favorite\"}}\n",
            T + 9
        )
    };
    let delete = format!("{{\"type\":\"delete\",\"at\":{},\"post_id\":\"1\"}}\n", T + 8);
    let whole = posts(1..4) + &delete + &action(1) + &action(0) + &posts(4..6);
    fs::write(&file, &whole[..whole.len() - 40]).unwrap();
    let report = json(&args);
    assert_eq!((imported(&report, "posts"), report["rejected_total"].as_u64()), (4, Some(2)), "{report}");
    assert!(report["notes"][0].as_str().unwrap().contains("events.jsonl:8: the last line has no line end"), "{report}");
    fs::write(&file, &whole).unwrap();
    let report = json(&args);
    assert_eq!((imported(&report, "posts"), report["rejected_total"].as_u64()), (1, Some(2)), "{report}");
    fs::write(&file, posts(1..4) + &delete + &action(2) + &action(3) + &posts(4..6)).unwrap();
    let report = json(&args);
    assert_eq!((imported(&report, "actions"), report["rejected_total"].as_u64()), (2, Some(0)), "{report}");
    let report = json(&args);
    assert_eq!((report["rows"].as_u64(), report["rows_already_there"].as_u64()), (Some(0), Some(8)), "{report}");
    fs::write(&file, posts(1..3) + &posts(33..34) + &delete + &action(2) + &action(3) + &posts(4..6)).unwrap();
    assert!(fails(1, &args).contains("events.jsonl:3: row 3 differs"));
}

#[test]
fn an_import_of_nothing_fails_and_leaves_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let whole = posts(1..4);
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let array = format!("[{}]", whole.trim_end().replace('\n', ",\n"));
    for (bytes, words) in [
        (utf16.as_slice(), "UTF-16LE text: convert it to UTF-8"),
        (array.as_bytes(), "one JSON array: write one event per line"),
        (b"nonsense\nand more\n".as_slice(), "text with the first line \"nonsense\""),
        (b"<!doctype html><title>404</title>\n", "a web page (HTML)"),
        (b"uid,item,when\n1,2,3\n", "a table of 3 columns separated by commas"),
        (b"", "empty"),
    ] {
        let file = dir.path().join("events.jsonl");
        fs::write(&file, bytes).unwrap();
        let args = ["import", "events", text(&file), "--data", text(&data)];
        let error = fails(1, &args);
        assert!(error.contains(words) && error.contains("events.jsonl"), "{words}: {error}");
        assert!(!data.exists(), "{words}: a folder is left");
        // Nor is a folder bound to anything that was there and empty.
        fs::create_dir(&data).unwrap();
        fails(1, &args);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "{words}");
        fs::remove_dir(&data).unwrap();
    }
}

#[test]
fn several_files_and_standard_input_come_in_beside_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (a, b) = (dir.path().join("a.jsonl"), dir.path().join("b.jsonl"));
    fs::write(&a, posts(1..6)).unwrap();
    fs::write(&b, posts(11..14)).unwrap();
    let args = ["import", "events", text(&a), text(&b), "--data", text(&data)];
    assert_eq!(imported(&json(&args), "posts"), 8);
    assert_eq!(json(&args)["rows"].as_u64(), Some(0));
    // What came is whole: its last line needs no end.
    let table = "type,at,post_id,author_id\npost,1785000000000,31,2\npost,1785000000001,32,2".to_owned();
    for (expected, given) in [(2, posts(21..23)), (0, posts(21..23)), (2, table)] {
        let mut child = foryou()
            .args(["import", "events", "-", "--json", "--data", text(&data)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(imported(&report, "posts"), expected, "{report}");
    }
    let other = ["import", "deskdrop", text(&a), text(&b), "--data", text(&data)];
    assert!(fails(2, &other).contains("takes one path"));
}

#[test]
fn a_folder_of_ones_own_actions_and_string_ids_takes_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let init = ["init", "--history", "--action", "clap=1", "--action", "hide=-4", "--data", text(&data)];
    let made = json(&init);
    assert_eq!(made["actions"], serde_json::json!(["clap", "hide"]));
    assert!(fails(2, &init).contains("is a data folder already"));
    let (table, map) = (dir.path().join("claps.csv"), dir.path().join("map.toml"));
    fs::write(&table, "who,what,when,how\nanna,post/ä,1785000000,clapped\nben,post/ä,1785000060,clapped\n").unwrap();
    let columns = "[columns]\nuser_id = \"who\"\npost_id = \"what\"\nat = \"when\"\naction = \"how\"\n";
    fs::write(&map, format!("{columns}[constants]\ntype = \"action\"\n[values.action]\nclapped = \"clap\"\n")).unwrap();
    let report = json(&["import", "events", text(&table), "--map", text(&map), "--data", text(&data)]);
    assert_eq!(imported(&report, "actions"), 2, "{report}");
}
