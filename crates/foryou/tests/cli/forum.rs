//! From a small forum's JSONL to a trained, personalised feed, with the commands of the README and nothing else.
//!
//! The forum is made up: 50 people with one or two of five topics at heart, 600 posts, 20 days. `TEST_FORUM_SEEDS` says how many
//! such forums (1 without it); `TEST_FORUM` names a file to take instead.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use foryou_types::{Rng, SplitMix64};
use serde_json::{Value, json};

use crate::common::{json as run_json, post_ids};

const T0: i64 = 1_785_000_000_000;
const DAY_MS: i64 = 86_400_000;
const DAYS: i64 = 20;
const PEOPLE: u64 = 50;
const POSTS: u64 = 600;
const TOPICS: u64 = 5;
const SLATES: u64 = 1_400;
const WORDS: [&str; 5] =
    ["seed soil rose", "gear chain wheel", "rook pawn gambit", "miso broth ladle", "lens shutter tripod"];

/// A person's own topic; every third person has a second one.
fn likes(person: u64, topic: u64) -> bool {
    person % TOPICS == topic || person.is_multiple_of(3) && (person / 5 + 2) % TOPICS == topic
}

/// The forum as lines of events, in order of time.
fn forum(seed: u64) -> String {
    let mut rng = SplitMix64::fork(seed, "forum");
    let mut events: Vec<(i64, Value)> = Vec::new();
    let mut posts: Vec<(i64, u64, u64)> = Vec::new();
    for number in 0..POSTS {
        let at = T0 + rng.below((DAYS * DAY_MS) as usize) as i64;
        let author = 1 + rng.below(PEOPLE as usize) as u64;
        let topic = if rng.chance(0.9) { author % TOPICS } else { rng.below(TOPICS as usize) as u64 };
        let words: Vec<&str> = WORDS[topic as usize].split(' ').collect();
        let text = format!("{} and {}", words[rng.below(3)], words[rng.below(3)]);
        let id = (1_000 + number).to_string();
        let post = json!({"type": "post", "at": at, "post_id": id, "author_id": author.to_string(), "text": text});
        events.push((at, post));
        posts.push((at, 1_000 + number, topic));
    }
    posts.sort_unstable();
    for _ in 0..SLATES {
        let at = T0 + DAY_MS + rng.below(((DAYS - 1) * DAY_MS) as usize) as i64;
        let person = 1 + rng.below(PEOPLE as usize) as u64;
        let young: Vec<_> = posts.iter().filter(|(created, ..)| (at - 2 * DAY_MS..at).contains(created)).collect();
        let mut shown: Vec<(u64, u64)> = Vec::new();
        for _ in 0..10 {
            let (_, post, topic) = young[rng.below(young.len())];
            if !shown.iter().any(|(other, _)| other == post) {
                shown.push((*post, *topic));
            }
        }
        let ids: Vec<String> = shown.iter().map(|(post, _)| post.to_string()).collect();
        let person_id = person.to_string();
        events.push((at, json!({"type": "impression", "at": at, "user_id": person_id, "post_ids": ids})));
        for (place, (post, topic)) in (1..).zip(&shown) {
            let (favorite, click) = if likes(person, *topic) { (0.4, 0.3) } else { (0.07, 0.1) };
            let draw = f64::from(rng.below(1_000) as u32) / 1_000.0;
            let action = if draw < favorite {
                "favorite"
            } else if draw < favorite + click {
                "click"
            } else {
                continue;
            };
            let at = at + place * 3_000;
            events.push((
                at,
                json!({
                    "type": "action", "at": at, "user_id": person_id, "post_id": post.to_string(), "action": action,
                    "dwell_ms": 1_000 + rng.below(5_000),
                }),
            ));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    let mut lines = String::new();
    for (_, event) in events {
        writeln!(lines, "{event}").unwrap();
    }
    lines
}

/// Imports a file and trains both models with their default recipes. Gives the ranker's report.
fn trained(file: &Path, data: &str) -> Value {
    run_json(&["import", "events", file.to_str().unwrap(), "--data", data]);
    let ranker = run_json(&["train", "ranker", "--data", data]);
    let retrieval = run_json(&["train", "retrieval", "--data", data]);
    println!(
        "{}: AUC {:.4}, gate {}, recipe for {}, {:.1} s; retrieval gate {}",
        file.display(),
        ranker["best"]["validation/auc"],
        ranker["gate"],
        ranker["recipe_for"],
        ranker["seconds"],
        retrieval["gate"]
    );
    ranker
}

#[test]
fn a_forum_of_fifty_people_gets_personal_feeds() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(file) = std::env::var_os("TEST_FORUM") {
        for seed in 1..=3 {
            let data = dir.path().join(format!("data-{seed}"));
            let data = data.to_str().unwrap();
            run_json(&["import", "events", file.to_str().unwrap(), "--data", data]);
            let report = run_json(&["train", "ranker", "--data", data, "--seed", &seed.to_string()]);
            println!("seed {seed}: AUC {:.4}, gate {}", report["best"]["validation/auc"], report["gate"]);
            assert!(report["best"]["validation/auc"].as_f64().unwrap() >= 0.7, "{report}");
            assert_eq!(report["promoted"], true, "{report}");
        }
        return;
    }
    let seeds = std::env::var("TEST_FORUM_SEEDS").map_or(1, |n| n.parse().expect("TEST_FORUM_SEEDS is a number"));
    for seed in 1..=seeds {
        let (file, data) = (dir.path().join(format!("{seed}.jsonl")), dir.path().join(format!("data-{seed}")));
        fs::write(&file, forum(seed)).unwrap();
        let data = data.to_str().unwrap();
        let report = trained(&file, data);
        // Chance is .5; what can be known of these forums ends near .7, and a tenth of so few posts measures it roughly.
        assert!(report["best"]["validation/auc"].as_f64().unwrap() >= 0.6, "{report}");
        assert_eq!(report["promoted"], true, "{report}");

        // Of a feed's first ten, far more are of the viewer's topics than by chance.
        let lines = fs::read_to_string(&file).unwrap();
        let topics: HashMap<String, u64> = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|event| event["type"] == "post")
            .map(|event| {
                let word = event["text"].as_str().unwrap().split(' ').next().unwrap().to_owned();
                let topic = WORDS.iter().position(|words| words.contains(&word)).unwrap() as u64;
                (event["post_id"].as_str().unwrap().to_owned(), topic)
            })
            .collect();
        let (mut own, mut all, mut expected) = (0.0, 0.0, 0.0);
        for person in [1, 2, 4, 5, 7, 8, 10, 11] {
            let feed = run_json(&["feed", "--user", &person.to_string(), "-n", "10", "--data", data]);
            assert_eq!(feed["ranked_by"], "model", "{feed}");
            for post in post_ids(&feed) {
                own += f64::from(u8::from(likes(person, topics[&post])));
                all += 1.0;
            }
            expected += (0..TOPICS).filter(|topic| likes(person, *topic)).count() as f64 / TOPICS as f64 / 8.0;
        }
        println!("of the feeds' first ten {:.2} are of the viewer's topics, by chance {expected:.2}", own / all);
        assert!(own / all > 2.0 * expected, "{own} of {all}, by chance {expected}");
    }
}

#[test]
fn a_ranker_without_ground_to_stand_on_does_not_serve() {
    let dir = tempfile::tempdir().unwrap();
    let (file, data) = (dir.path().join("one.jsonl"), dir.path().join("data"));
    // One post, shown to everybody and liked by half of them.
    let mut lines =
        format!("{}\n", json!({"type": "post", "at": T0, "post_id": "1", "author_id": "1", "text": "hello"}));
    for person in 2..60 {
        let at = T0 + person * 60_000;
        let person_id = person.to_string();
        writeln!(lines, "{}", json!({"type": "impression", "at": at, "user_id": person_id, "post_ids": ["1"]}))
            .unwrap();
        if person % 2 == 0 {
            let at = at + 1;
            writeln!(
                lines,
                "{}",
                json!({"type": "action", "at": at, "user_id": person_id, "post_id": "1", "action": "favorite"})
            )
            .unwrap();
        }
    }
    fs::write(&file, lines).unwrap();
    let data = data.to_str().unwrap();
    run_json(&["import", "events", file.to_str().unwrap(), "--data", data]);
    let report = run_json(&["train", "ranker", "--data", data]);
    assert_eq!((&report["version"], &report["promoted"]), (&"ranker-0001".into(), &false.into()));
    assert_eq!(report["gate"]["passed"], false);
    assert!(report["gate"]["reasons"].to_string().contains("learned from too little"), "{report}");
    assert_eq!(run_json(&["feed", "--user", "2", "--data", data])["model"], Value::Null);
    // Listed with the reason, refused without --force, and promoted with it.
    let listed = run_json(&["models", "list", "--data", data]);
    assert_eq!(listed["versions"][0]["gate"], report["gate"], "{listed}");
    let error = crate::common::fails(2, &["models", "promote", "ranker-0001", "--data", data]);
    assert!(error.contains("did not pass its gate") && error.contains("--force"), "{error}");
    let forced = run_json(&["models", "promote", "ranker-0001", "--force", "--data", data]);
    assert_eq!(forced["versions"][0]["promoted"], true, "{forced}");
}
