//! The real Higgs set end to end: what the feed says is checked against the raw files.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::common::{json, shared_data};

fn gz(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// The raw rows: (A, B, seconds, kind).
fn rows(text: &str) -> impl Iterator<Item = (u64, u64, i64, &str)> {
    text.lines().map(|line| {
        let fields: Vec<_> = line.split(' ').collect();
        (fields[0].parse().unwrap(), fields[1].parse().unwrap(), fields[2].parse().unwrap(), fields[3])
    })
}

#[test]
fn the_most_active_retweeters_get_true_feeds() {
    let Some(set) = shared_data("higgs") else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (data, set_path) = (data.to_str().unwrap(), set.to_str().unwrap());
    let report = json(&["import", "higgs", set_path, "--data", data]);
    assert_eq!(report["skipped"]["self_actions"], 7_588, "{report}");
    assert_eq!(report["rejected"], serde_json::json!([]));
    println!("imported {} in {} s", report["imported"], report["seconds"]);
    let again = json(&["import", "higgs", set_path, "--data", data]);
    assert!(again["imported"].as_object().unwrap().values().all(|n| n.as_u64() == Some(0)), "{again}");

    let activity = gz(&set.join("higgs-activity_time.txt.gz"));
    let mut retweets: HashMap<u64, u32> = HashMap::new();
    let mut posted: HashSet<(u64, i64)> = HashSet::new();
    let mut first_of_hour: HashMap<(u64, i64), i64> = HashMap::new();
    let mut last = 0;
    for (a, b, at, kind) in rows(&activity) {
        last = last.max(at);
        if a == b {
            continue;
        }
        if kind == "RT" {
            *retweets.entry(a).or_default() += 1;
        }
        posted.insert((a, at));
        let first = first_of_hour.entry((b, at / 3_600)).or_insert(at);
        *first = at.min(*first);
    }
    posted.extend(first_of_hour.iter().map(|(&(b, _), &at)| (b, at)));
    let follows: HashSet<(u64, u64)> = gz(&set.join("higgs-retweet_network.edgelist.gz"))
        .lines()
        .map(|line| {
            let mut fields = line.split(' ').map(|f| f.parse().unwrap());
            (fields.next().unwrap(), fields.next().unwrap())
        })
        .collect();

    let mut most: Vec<_> = retweets.into_iter().collect();
    most.sort_by_key(|&(user, n)| (std::cmp::Reverse(n), user));
    for &(user, _) in &most[..10] {
        let id = user.to_string();
        let feed = json(&["feed", "--user", &id, "--data", data]);
        let posts = feed["feed"].as_array().unwrap();
        assert_eq!(feed["clock"]["kind"], "log");
        assert_eq!(feed["clock"]["now"].as_i64().unwrap() / 60_000, last / 60, "the log's last minute");
        assert_eq!(feed["degraded"], serde_json::json!([]), "{user}");
        assert!(posts.len() >= 20, "{user}: {} posts", posts.len());
        let mut ids = HashSet::new();
        let (mut inside, mut outside) = (0, 0);
        for post in posts {
            assert!(ids.insert(post["post_id"].as_str().unwrap()), "{user}: a post occurs twice");
            let author: u64 = post["author_id"].as_str().unwrap().parse().unwrap();
            assert_ne!(author, user, "a post of their own");
            let at = post["created_at"].as_i64().unwrap();
            assert!(posted.contains(&(author, at / 1_000)), "{user}: no row says {author} posted at {at}");
            assert!(last * 1_000 - at <= 48 * 3_600_000, "{user}: too old");
            let followed = follows.contains(&(user, author));
            assert_eq!(post["in_network"], Value::Bool(followed), "{user}: {post}");
            *(if followed { &mut inside } else { &mut outside }) += 1;
        }
        println!("viewer {user}: {inside} in-network, {outside} out-of-network");
        assert!(inside > 0 && outside > 0, "{user}: {inside} in-network, {outside} out-of-network");
    }
}
