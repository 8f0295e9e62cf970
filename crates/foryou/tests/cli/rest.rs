//! The service through REST: every kind of event changes the very next request, bad requests are problems, and the command
//! line shows the same feed as the service.

use std::path::Path;

use serde_json::{Value, json as value};

use crate::common::{Service, events_file, json, post_ids, same_part};

fn folder(dir: &Path) -> std::path::PathBuf {
    let file = dir.join("events.jsonl");
    events_file(&file, 4_000);
    let data = dir.join("data");
    json(&["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    data
}

fn authors(feed: &Value) -> Vec<String> {
    feed["feed"].as_array().unwrap().iter().map(|p| p["author_id"].as_str().unwrap().to_owned()).collect()
}

/// The folder's clock, so that live events are neither too early nor too late.
fn now(service: &Service) -> i64 {
    service.feed("1007", "&record=false")["clock"]["now"].as_i64().unwrap()
}

#[test]
fn each_event_changes_the_very_next_request() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&folder(dir.path()));
    let at = now(&service);
    let user = "777777";
    let feed = || service.feed(user, "&record=false&limit=50");

    // follow: the author's posts are in-network at once
    let before = feed();
    assert!(before["feed"].as_array().unwrap().iter().all(|p| p["in_network"] == false));
    let author = authors(&before)[0].clone();
    service.event(&value!({"type": "follow", "at": at, "user_id": user, "target_id": author}));
    let followed = feed();
    assert!(
        followed["feed"]
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p["in_network"] == true && p["author_id"] == author.as_str())
    );
    assert!(
        followed["feed"].as_array().unwrap().iter().all(|p| p["in_network"] == (p["author_id"] == author.as_str()))
    );

    // mute, unmute, block: gone, back, gone
    service.event(&value!({"type": "mute", "at": at, "user_id": user, "target_id": author}));
    assert!(!authors(&feed()).contains(&author));
    service.event(&value!({"type": "unmute", "at": at, "user_id": user, "target_id": author}));
    assert!(authors(&feed()).contains(&author));
    service.event(&value!({"type": "block", "at": at, "user_id": user, "target_id": author}));
    assert!(!authors(&feed()).contains(&author));

    // a muted keyword: no text has it
    let text = feed()["feed"][0]["text"].as_str().unwrap().to_owned();
    let word = text.split(' ').next_back().unwrap().to_owned();
    let phrase = format!("topic {word}");
    service.event(&value!({"type": "mute_keyword", "at": at, "user_id": user, "keyword": phrase}));
    let muted = feed();
    assert!(!muted["feed"].as_array().unwrap().is_empty());
    assert!(muted["feed"].as_array().unwrap().iter().all(|p| !p["text"].as_str().unwrap().ends_with(&phrase)));

    // a like: what was liked counts as seen
    let liked = post_ids(&feed())[0].clone();
    service.event(&value!({"type": "action", "at": at, "user_id": user, "post_id": liked, "action": "favorite"}));
    assert!(!post_ids(&feed()).contains(&liked));

    // a served feed: not served again
    let served = post_ids(&service.feed(user, "&limit=10&record=true"));
    assert_eq!(served.len(), 10);
    let next = post_ids(&feed());
    assert!(!next.is_empty() && served.iter().all(|id| !next.contains(id)));

    // a new post of a followed author, and its delete
    let friend = "55555555";
    service.event(&value!({"type": "follow", "at": at, "user_id": user, "target_id": friend}));
    service.event(&value!({"type": "post", "at": at, "post_id": "99999999", "author_id": friend, "text": "hello"}));
    // The writer's own feed waits for the post; another's follows within moments.
    assert!(wait_for(|| post_ids(&feed()).contains(&"99999999".to_owned())));
    service.event(&value!({"type": "delete", "at": at, "post_id": "99999999"}));
    assert!(!post_ids(&feed()).contains(&"99999999".to_owned()));
}

fn wait_for(mut condition: impl FnMut() -> bool) -> bool {
    (0..100).any(|_| {
        condition() || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            false
        }
    })
}

#[test]
fn pages_do_not_repeat_and_requests_are_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&folder(dir.path()));
    let first = service.feed("1007", "&limit=10&record=false");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = service.feed("1007", &format!("&limit=10&record=false&cursor={cursor}"));
    let (a, b) = (post_ids(&first), post_ids(&second));
    assert_eq!((a.len(), b.len()), (10, 10));
    assert!(a.iter().all(|id| !b.contains(id)));
    let path = format!("/v1/requests/{}", first["request_id"].as_str().unwrap());
    assert!(wait_for(|| service.get(&path).0 == 200), "written down beside the answer, not before it");
    let (_, info) = service.get(&path);
    let remembered: Vec<_> =
        info["selected"].as_array().unwrap().iter().map(|p| p["post_id"].as_str().unwrap()).collect();
    assert_eq!(remembered, a);
    assert_eq!(service.get("/v1/requests/nope").0, 404);
}

#[test]
fn pages_go_through_everything_once_and_end() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&folder(dir.path()));
    let (mut seen, mut cursor) = (std::collections::HashSet::new(), String::new());
    for page in 0.. {
        let feed = service.feed("1007", &format!("&limit=100&record=false{cursor}"));
        for id in post_ids(&feed) {
            assert!(seen.insert(id.clone()), "page {page} repeats {id}");
        }
        let Some(next) = feed["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert!(seen.len() > 300, "{}", seen.len());
}

#[test]
fn a_client_that_never_finishes_does_not_keep_the_service() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = Service::start(&folder(dir.path()));
    let mut hanging = std::net::TcpStream::connect(&service.address).unwrap();
    let head =
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n";
    std::io::Write::write_all(&mut hanging, format!("{head}\r\n{{}}").as_bytes()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(service.terminated_within(std::time::Duration::from_secs(20)), "still running");
}

#[test]
fn a_live_post_slightly_ahead_of_the_clock_is_served_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&folder(dir.path()));
    let at = now(&service);
    service.event(&value!({"type": "follow", "at": at, "user_id": 4242, "target_id": 5151}));
    service
        .event(&value!({"type": "post", "at": at + 600_000, "post_id": 88888888, "author_id": 5151, "text": "early"}));
    assert!(wait_for(|| post_ids(&service.feed("4242", "&record=false&in_network_only")) == ["88888888"]));
}

#[test]
fn the_command_line_goes_to_the_service_and_shows_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let path = data.to_str().unwrap().to_owned();
    let alone = same_part(json(&["feed", "--user", "1007", "--data", &path]));
    let service = Service::start(&data);
    let through = same_part(json(&["feed", "--user", "1007", "--data", &path]));
    assert_eq!(through, alone);
    assert_eq!(same_part(service.feed("1007", "&record=false")), alone);
    let (status, full) = service.post("/v1/feed", r#"{"user_id": 1007, "record": false}"#);
    assert_eq!((status, same_part(full)), (200, alone));
    // An import into a served folder is told where to send its events.
    let error = crate::common::fails(
        1,
        &["import", "events", dir.path().join("events.jsonl").to_str().unwrap(), "--data", &path],
    );
    assert!(error.contains(&service.address), "{error}");
}

#[test]
fn bad_requests_are_problems_and_good_events_of_a_bad_batch_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&folder(dir.path()));
    let at = now(&service);
    for path in [
        "/v1/feed",
        "/v1/feed?user=0",
        "/v1/feed?user=bob",
        "/v1/feed?user=1&limit=-1",
        "/v1/feed?user=1&limit=0",
        "/v1/feed?user=1&colour=red",
        "/v1/feed?user=1&cursor=zzz",
        "/v1/feed?user=1&now=later",
    ] {
        let (status, problem) = service.get(path);
        assert_eq!((status, &problem["status"]), (400, &400.into()), "{path}: {problem}");
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
    for body in ["", "{", "[]", "{\"events\": 1}", "{\"event\": []}"] {
        let (status, problem) = service.post("/v1/events", body);
        assert_eq!(status, 400, "{body}: {problem}");
    }
    assert_eq!(service.get("/v1/nothing").0, 404);
    assert_eq!(service.post("/v1/feed", r#"{"user_id": 1, "bloom_filter_entries": [{"bits": [], "num_hashes": 3, "seed": 1, "count": 0, "created_at": 0}]}"#).0, 400);

    let events = value!({"events": [
        {"type": "follow", "at": at, "user_id": 1, "target_id": 2},
        {"type": "follow", "at": at, "user_id": 1, "target_id": 1},
        {"type": "action", "at": at, "user_id": 1, "post_id": 3, "action": "adore"},
        {"type": "follow", "at": at + 2 * 3_600_000, "user_id": 1, "target_id": 5},
        {"type": "follow", "at": at, "user_id": 0, "target_id": 5},
        {"type": "follow", "at": at, "id": "once", "user_id": 1, "target_id": 3},
        {"type": "follow", "at": at, "id": "once", "user_id": 1, "target_id": 3},
    ]});
    let (status, answer) = service.post("/v1/events", &events.to_string());
    assert_eq!((status, &answer["accepted"], &answer["duplicates"]), (200, &2.into(), &1.into()), "{answer}");
    let rejected: Vec<_> =
        answer["rejected"].as_array().unwrap().iter().map(|r| r["index"].as_u64().unwrap()).collect();
    assert_eq!(rejected, [1, 2, 3, 4]);
    assert!(answer["rejected"][2]["reason"].as_str().unwrap().contains("ahead"), "{answer}");

    let many = value!({ "events": vec![value!({"type": "delete", "post_id": 1}); 10_001] });
    assert_eq!(service.post("/v1/events", &many.to_string()).0, 413);
    let large = format!("{{\"events\": [\"{}\"]}}", "x".repeat(17 << 20));
    assert_eq!(service.post("/v1/events", &large).0, 413);

    let (status, api) = service.get("/openapi.json");
    assert_eq!(status, 200);
    for path in ["/v1/events", "/v1/feed", "/v1/requests/{id}", "/healthz", "/readyz"] {
        assert!(api["paths"][path].is_object(), "{path}");
    }
    assert!(service.get("/metrics").1.as_str().unwrap().contains("# TYPE"));
}

#[test]
fn negative_and_string_ids_work_in_every_layer() {
    let dir = tempfile::tempdir().unwrap();
    let lines = [
        r#"{"type":"post","at":1700000000000,"post_id":"N1-α","author_id":"ann","text":"one"}"#,
        r#"{"type":"post","at":1700000001000,"post_id":"N2","author_id":"ann","text":"two"}"#,
        r#"{"type":"post","at":1700000002000,"post_id":"N3","author_id":"bob","text":"three"}"#,
        r#"{"type":"follow","at":1700000002000,"user_id":"eve","target_id":"ann"}"#,
        r#"{"type":"action","at":1700000003000,"user_id":"eve","post_id":"N2","action":"favorite"}"#,
    ];
    for form in ["dictionary", "signed"] {
        let set = dir.path().join(form);
        std::fs::create_dir(&set).unwrap();
        let signed = |line: &str| {
            let mut line = line.to_owned();
            for (name, number) in [
                ("N1-α", "-9223372036854775808"),
                ("N2", "-2"),
                ("N3", "9223372036854775807"),
                ("ann", "-5"),
                ("bob", "-6"),
                ("eve", "-7"),
            ] {
                line = line.replace(&format!("\"{name}\""), &format!("\"{number}\""));
            }
            line
        };
        let text: Vec<_> = lines.iter().map(|l| if form == "signed" { signed(l) } else { (*l).to_owned() }).collect();
        std::fs::write(set.join("events.jsonl"), text.join("\n")).unwrap();
        let mut profile = foryou_types::Profile::live();
        profile.clock = foryou_types::ClockKind::Log;
        let id_form = if form == "signed" { foryou_types::IdForm::Signed } else { foryou_types::IdForm::Dictionary };
        profile.ids = foryou_types::IdForms { users: id_form, posts: id_form };
        std::fs::write(set.join("profile.toml"), profile.to_toml()).unwrap();
        let data = dir.path().join(format!("{form}-data"));
        let report = json(&["import", "events", set.to_str().unwrap(), "--data", data.to_str().unwrap()]);
        assert_eq!(report["rejected"], value!([]), "{report}");
        let name = |name: &str| {
            if form == "signed" { signed(&format!("\"{name}\"")).replace('"', "") } else { name.to_owned() }
        };
        let eve = format!("--user={}", name("eve"));
        let feed = json(&["feed", &eve, "--data", data.to_str().unwrap()]);
        assert_eq!(feed["viewer"], name("eve").as_str());
        let mut ids = post_ids(&feed);
        ids.sort();
        let mut expected = vec![name("N1-α"), name("N3")];
        expected.sort();
        assert_eq!(ids, expected, "{form}: {feed}");
        let in_network = feed["feed"].as_array().unwrap().iter().find(|p| p["in_network"] == true).unwrap();
        assert_eq!((&in_network["post_id"], &in_network["author_id"]), (&name("N1-α").into(), &name("ann").into()));

        let service = Service::start(&data);
        if form == "dictionary" {
            // An unknown viewer is a new viewer. Unknown posts are ignored.
            let (status, stranger) = service.post("/v1/feed", r#"{"user_id": "zoe", "seen_ids": ["N9", "N2"]}"#);
            assert_eq!((status, stranger["viewer"].as_str()), (200, Some("zoe")), "{stranger}");
            assert_eq!(post_ids(&stranger).len(), 2, "{stranger}");
        }
        service.event(
            &value!({"type": "block", "at": 1700000003000_i64, "user_id": name("eve"), "target_id": name("bob")}),
        );
        assert_eq!(post_ids(&service.feed(&name("eve"), "&record=false")), [name("N1-α")]);
    }
}
