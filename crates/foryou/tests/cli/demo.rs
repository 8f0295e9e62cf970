//! `foryou demo --once`: from nothing to a feed.

use crate::common::{json, post_ids, same_part, small_town};

#[test]
fn the_demo_s_feed_has_both_networks_heads_and_timings() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    // So small a world's ranker may not pass its gate: then the prior ranks, and the demo says so.
    let first = json(&["demo", "--once", "--users", "200", "--data", data]);
    assert!(first["ranked_by"] == "model" || first["model"].is_null(), "{first}");
    for version in ["ranker-0001", "retrieval-0001"] {
        json(&["models", "promote", "--force", version, "--data", data]);
    }
    let feed = json(&["demo", "--once", "--users", "200", "--data", data]);
    let posts = feed["feed"].as_array().unwrap();
    assert!(posts.len() >= 20, "{feed}");
    assert_eq!(posts[0]["probabilities"].as_object().unwrap().len(), 18);
    assert!(posts[0]["dwell_time"].is_number() && posts[0]["text"].is_string());
    for stage in
        ["query_hydrators", "sources", "hydrators", "filters", "scorers", "selector", "post_selection", "total"]
    {
        assert!(feed["timings_ms"][stage].is_number(), "{stage}: {}", feed["timings_ms"]);
    }
    // It trained both models, and they rank.
    assert_eq!((&feed["model"], &feed["clock"]["kind"]), (&"ranker-0001".into(), &"log".into()));
    let versions = json(&["models", "list", "--data", data]);
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2, "{versions}");
    assert_eq!(feed["degraded"], serde_json::json!([]));
    let mut ids = post_ids(&feed);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), posts.len(), "a post occurs twice");

    // Every decision about every candidate, on demand.
    let viewer = feed["viewer"].as_str().unwrap();
    let told = json(&["feed", "--explain", "--user", viewer, "--data", data]);
    let decisions = told["explanation"]["candidates"].as_array().unwrap();
    for source in ["ThunderSource", "PhoenixSource"] {
        assert!(decisions.iter().any(|d| d["source"] == source), "no candidate of {source}");
    }
    assert_eq!(decisions.len() as u64, told["candidates"]["sources"].as_u64().unwrap());
    let removed: u64 = told["explanation"]["removed"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(removed as usize, decisions.iter().filter(|d| d["filter"].is_string()).count());
    for (post, rank) in told["feed"].as_array().unwrap().iter().zip(1..) {
        let decision = decisions.iter().find(|d| d["rank"] == rank).unwrap();
        assert_eq!((&decision["post_id"], &decision["score"]), (&post["post_id"], &post["score"]));
        let weighted = decision["scores"].as_array().unwrap().iter().find(|s| s["scorer"] == "WeightedScorer").unwrap();
        assert_eq!(weighted["after"], post["weighted_score"]);
        assert_eq!(decision["last_scored_at_ms"], told["clock"]["now"]);
        assert_eq!(
            decision["prediction_request_id"],
            decisions.iter().find(|d| d["rank"] == 1).unwrap()["prediction_request_id"]
        );
    }
    let predicted = |d: &serde_json::Value| d["prediction_request_id"].is_string();
    assert!(decisions.iter().all(|d| predicted(d) == d["ranked_by"].is_string()));

    // The folder is used as it is the second time, and the feed is the same: nothing was recorded.
    assert_eq!(same_part(json(&["demo", "--once", "--users", "200", "--data", data])), same_part(feed));
}

#[test]
fn the_example_town_is_what_its_page_says() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("town");
    let report = small_town(&data);
    let data = data.to_str().unwrap();
    assert_eq!((&report["imported"]["posts"], &report["rejected"]), (&6.into(), &serde_json::json!([])));
    let feed = json(&["feed", "--data", data, "--user", "42"]);
    let posts = feed["feed"].as_array().unwrap();
    let mut ids = post_ids(&feed);
    ids.sort();
    // 103 is of someone blocked, 104 has the muted word, 106 reposts 101, 105 is of 101's conversation.
    assert_eq!(ids, ["101", "102"], "{feed}");
    assert!(posts.iter().all(|p| p["in_network"] == (p["author"] == "baker")));
    // What is known of the authors, and what was done with the posts.
    for post in posts {
        let (followers, verified) = if post["author"] == "baker" { (120, false) } else { (2_300, true) };
        assert_eq!(post["author_followers_count"], followers, "{post}");
        assert_eq!(post["author_verified"], verified, "{post}");
        assert!(post["engagement_counts"]["favorite"].is_u64(), "{post}");
    }
    assert!(posts.iter().any(|p| p["engagement_counts"].as_object().unwrap().values().any(|n| n != 0)), "{feed}");
}
