//! Real sets through the command line: from import over training to the feed, and streams, where the sets are present.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::common::{fails, json, post_ids, shared_data};

/// Rows of an invented news site: what its people click, an hour after the other, with user 0 and rows out of order.
fn clicks(path: &Path) {
    let mut rows = vec![
        "user_id,session_id,session_start,session_size,click_article_id,click_timestamp,click_environment,click_deviceGroup,click_os,click_country,click_region,click_referrer_type".to_owned(),
    ];
    for i in 0..1_500u64 {
        // Blocks of ten rows, each block reversed: not sorted by time.
        let place = i / 10 * 10 + (9 - i % 10);
        let (user, hour) = (place * 7 % 31, place / 10);
        let article = 1 + hour / 2 + place * 13 % 5;
        let at = 1_500_000_000_000 + hour * 3_600_000 + place % 10 * 300_000;
        rows.push(format!("{user},{},{at},1,{article},{at},4,1,17,1,25,2", 1_000 + place));
    }
    std::fs::write(path, rows.join("\n") + "\n").unwrap();
}

#[test]
fn a_stream_reports_every_day_and_a_second_run_repeats_it() {
    let dir = tempfile::tempdir().unwrap();
    let set = dir.path().join("clicks.csv");
    clicks(&set);
    let (set, data, report) = (set.to_str().unwrap(), dir.path().join("data"), dir.path().join("report"));
    let mut args = vec!["stream", "globo", set, "--data", data.to_str().unwrap(), "--report", report.to_str().unwrap()];
    args.extend(["--train-every", "12h", "--learn-from", "3d", "--every", "3"]);
    for model in ["ranker", "retrieval"] {
        for setting in
            ["model.emb_size=16", "model.key_size=4", "model.num_layers=1", "epochs=1", "tokens_per_step=512"]
        {
            args.extend(["--set", Box::leak(format!("{model}.{setting}").into_boxed_str())]);
        }
    }
    let first = json(&args);
    assert!(first["days"].as_array().unwrap().len() > 1 && first["judged"].as_u64().unwrap() > 20, "{first}");
    assert!(first["protocol"]["checksum"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(json(&args), first, "the same log and settings, the same report");
    let markdown = std::fs::read_to_string(report.join("stream.md")).unwrap();
    assert!(markdown.starts_with("# A stream: globo") && markdown.contains("| ranker + 7-day counts |"), "{markdown}");

    let refused = fails(1, &[&args[..], &["--test-share", "0.4"]].concat());
    assert!(refused.contains("other settings (test-share)"), "{refused}");
    assert!(
        fails(2, &["stream", "globo", "no/such/place", "--data", data.to_str().unwrap()]).contains("no/such/place")
    );
}

/// The ten most active people, by a count of the raw rows.
fn most_active(rows: impl Iterator<Item = String>) -> Vec<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for user in rows {
        *counts.entry(user).or_default() += 1;
    }
    let mut by_count: Vec<_> = counts.into_iter().map(|(user, n)| (std::cmp::Reverse(n), user)).collect();
    by_count.sort();
    by_count.into_iter().take(10).map(|(_, user)| user).collect()
}

fn unpacked(path: &Path) -> String {
    let mut decoder = zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    decoder.window_log_max(27).unwrap();
    let mut text = String::new();
    decoder.read_to_string(&mut text).unwrap();
    text
}

/// Imports a set twice, and asks for the feeds of its most active people.
fn import_and_feeds(kind: &str, folder: &Path, people: &[String]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (folder, data) = (folder.to_str().unwrap(), data.to_str().unwrap());
    let first = json(&["import", kind, folder, "--data", data]);
    assert_eq!(first["rejected_total"], 0, "{first}");
    let second = json(&["import", kind, folder, "--data", data]);
    let added: u64 = second["imported"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!((added, &second["rows"]), (0, &0.into()), "{second}");
    let feed = |user: &String| json(&["feed", &format!("--user={user}"), "--data", data]);
    people.iter().map(feed).collect()
}

#[test]
fn the_most_active_people_of_small_real_sets_get_feeds() {
    let column = |text: &str, i: usize, header: bool| -> Vec<String> {
        let rows = text.lines().skip(usize::from(header));
        rows.filter_map(|row| row.split('\t').nth(i).map(str::to_owned)).collect()
    };
    for (kind, set, file, user, header) in [
        ("kuairand", "kuairand", "kuairand27k_like_hate_kcore15.tsv.zst", 0, true),
        ("mind", "mind-sample", "behaviors.tsv.zst", 1, false),
        ("recbole", "ml-100k", "ml-100k.inter.zst", 0, true),
    ] {
        let Some(folder) = shared_data(set) else { continue };
        let text = unpacked(&folder.join(file));
        let people = most_active(column(&text, user, header).into_iter());
        assert_eq!(people.len(), 10, "{kind}");
        for (person, feed) in people.iter().zip(import_and_feeds(kind, &folder, &people)) {
            let posts = post_ids(&feed);
            assert!(posts.len() >= 20, "{kind} {person}: {} posts", posts.len());
            assert_eq!(posts.iter().collect::<BTreeSet<_>>().len(), posts.len(), "{kind} {person}");
            assert_eq!(feed["degraded"], Value::Array(Vec::new()), "{kind} {person}");
        }
    }
}
