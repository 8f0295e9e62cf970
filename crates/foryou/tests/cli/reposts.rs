//! Reposts and quotes of reposts, from the rows of a file to the feed: every rule sees what is shown in the end.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::common::{json as answer, post_ids};

const T0: i64 = 1_785_000_000_000;

/// The feed of person 1, who follows 3, 4 and 5, after these events.
fn feed(more: &[Value], args: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let (rows, data) = (dir.path().join("events.jsonl"), dir.path().join("data"));
    let follows = [3, 4, 5].map(|id| json!({"type": "follow", "at": T0, "user_id": 1, "target_id": id}));
    let mut text = String::new();
    for event in follows.iter().chain(more) {
        writeln!(text, "{event}").unwrap();
    }
    std::fs::write(&rows, text).unwrap();
    answer(&["import", "events", rows.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    let mut all = vec!["feed", "--user", "1", "--data", data.to_str().unwrap()];
    all.extend(args);
    post_ids(&answer(&all))
}

fn post(at: i64, id: u64, author: u64, more: Value) -> Value {
    let mut post = json!({"type": "post", "at": T0 + at, "post_id": id, "author_id": author});
    post.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post
}

#[test]
fn a_quote_of_a_repost_obeys_the_rules_on_the_original() {
    let quote = |rule: Value| {
        let posts = [
            rule,
            post(1, 10, 2, json!({"text": "words of two"})),
            post(2, 11, 9, json!({"source_post_id": 10})),
            post(3, 12, 4, json!({"text": "look", "quoted_post_id": 11})),
        ];
        feed(&posts, &["--in-network-only"])
    };
    let no_rule = json!({"type": "follow", "at": T0, "user_id": 8, "target_id": 7});
    assert_eq!(quote(no_rule), ["12"]);
    for rule in [
        json!({"type": "block", "at": T0, "user_id": 1, "target_id": 2}),
        json!({"type": "mute", "at": T0, "user_id": 1, "target_id": 2}),
        json!({"type": "mute", "at": T0, "user_id": 1, "target_id": 9}),
        json!({"type": "block", "at": T0, "user_id": 2, "target_id": 1}),
        json!({"type": "mute_keyword", "at": T0, "user_id": 1, "keyword": "words"}),
        json!({"type": "delete", "at": T0 + 5, "post_id": 10}),
        json!({"type": "label", "at": T0 + 5, "post_id": 10, "label": "spam"}),
    ] {
        assert_eq!(quote(rule.clone()), [""; 0], "{rule}");
    }
}

#[test]
fn a_repost_with_a_text_of_its_own_hides_nothing_of_the_original() {
    for text in [json!({}), json!({"text": ""}), json!({"text": "RT"})] {
        let mut repost = post(2, 11, 3, json!({"source_post_id": 10}));
        repost.as_object_mut().unwrap().extend(text.as_object().unwrap().clone());
        let posts = [post(1, 10, 2, json!({"text": "SPOILER"})), repost];
        let muted = json!({"type": "mute_keyword", "at": T0, "user_id": 1, "keyword": "spoiler"});
        assert_eq!(feed(&posts, &["--in-network-only"]), ["11"], "{text}");
        assert_eq!(feed(&[&posts[..], &[muted]].concat(), &["--in-network-only"]), [""; 0], "{text}");
    }
}
