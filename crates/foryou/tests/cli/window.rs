//! One owner of the history window: what the mixer hands over reaches each model as the tokens it was trained on, whatever its
//! length S, in process and over gRPC, also where versions of different S serve side by side.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_log::{EmbeddedLog, EventLog, LogOptions};
use foryou_types::{Profile, Surface, TimeMs, UserId};
use model_registry::Registry;
use phoenix::{
    CandidateItem, Checkpoint, CheckpointConfig, Corpus, HashTables, HistoryItem, IdCounts, ModelConfig, ModelKind,
    Phoenix, TableInit, age_bucket,
};
use phoenix_engine::service::read_posts;
use phoenix_engine::{Ranker, ServedRanker};
use phoenix_train::{DataOptions, slates_after};
use serde_json::Value;

use crate::common::{Killed, foryou, json};

const T0: i64 = 1_785_000_000_000;
const LENGTHS: [usize; 3] = [64, 128, 256];
/// Viewers and how many tokens each has: none thinned out of the window, the worked example (the last 80 are looks), more than
/// the state keeps.
const VIEWERS: [(u64, u64); 4] = [(1, 5), (2, 150), (3, 500), (4, 1_500)];

/// The moment of the feeds: after every action.
fn end() -> i64 {
    T0 + 10_000 * (1_500 + 100)
}

/// The post that an action of a number is on: each another one, since a person's action on a post counts once.
fn acted_on(number: u64) -> u64 {
    1_000 + number
}

/// Posts 1 to 90 are there to be shown, the others are acted on.
fn events() -> String {
    let mut lines = String::new();
    let mut line = |event: Value| writeln!(lines, "{event}").unwrap();
    for post in (1..=90).chain((0..1_500).map(acted_on)) {
        let text = format!("word{} word{}", post % 7, post % 11);
        let author = 100 + post % 9;
        line(
            serde_json::json!({"type": "post", "at": T0 + post as i64, "post_id": post, "author_id": author, "text": text}),
        );
    }
    for number in 0..1_500u64 {
        for (viewer, tokens) in VIEWERS.into_iter().filter(|&(_, tokens)| number < tokens) {
            // Runs of 35 looks every 100 tokens, and 80 at the end.
            let look = number % 100 >= 65 || (tokens > 100 && number + 80 >= tokens);
            let action = if look { "dwell_time" } else { ["favorite", "reply", "repost"][number as usize % 3] };
            line(serde_json::json!({
                "type": "action", "at": T0 + 10_000 * (number as i64 + 1), "user_id": viewer,
                "post_id": acted_on(number), "action": action, "dwell_ms": 500 + number * 37 % 20_000,
            }));
        }
    }
    for (viewer, _) in VIEWERS {
        line(serde_json::json!({"type": "impression", "at": end(), "user_id": viewer, "post_ids": [60]}));
    }
    lines
}

/// An untrained ranker, wide enough awake that every token of its window moves every score.
fn checkpoint(profile: &Profile, history_seq_len: usize) -> Checkpoint {
    let model = ModelConfig {
        emb_size: 16,
        num_layers: 2,
        num_q_heads: 2,
        num_kv_heads: 1,
        key_size: 8,
        history_seq_len,
        num_actions: profile.action_set.len(),
        ..ModelConfig::default()
    };
    let ids = IdCounts { users: 8, posts: 1_600, authors: 20, words: 30 };
    let config = CheckpointConfig {
        kind: ModelKind::Ranker,
        hashes: HashTables::draw(&model, ids, history_seq_len as u64),
        model,
        action_set: profile.action_set.clone(),
        seed: history_seq_len as u64,
        trained_until: None,
        metrics: std::collections::BTreeMap::default(),
    };
    Checkpoint::initial(config, TableInit { user: 0.5, post: 0.5, author: 0.5, text: 0.5 })
}

/// What training shows a model of each viewer at the moment of the feeds, by S.
struct Taught {
    corpus: Arc<Corpus>,
    histories: Vec<(usize, UserId, Vec<HistoryItem>)>,
}

impl Taught {
    fn read(data: &Path, profile: &Profile) -> Self {
        let log: Arc<dyn EventLog> =
            Arc::new(EmbeddedLog::open(&data.join("log"), LogOptions::default()).expect("the folder's log"));
        let corpus = Arc::new(Corpus::new());
        read_posts(&*log, &corpus).unwrap();
        let mut histories = Vec::new();
        for s in LENGTHS {
            let options = DataOptions { history: s, ..DataOptions::default() };
            for slate in slates_after(&*log, profile, &options, TimeMs(end()), &|_, _| {}).unwrap() {
                histories.push((s, slate.user, slate.history));
            }
        }
        Self { corpus, histories }
    }

    fn history(&self, s: usize, viewer: u64) -> &[HistoryItem] {
        &self.histories.iter().find(|(length, user, _)| (*length, user.0) == (s, viewer)).unwrap().2
    }

    /// A feed's scores are those of the model on training's tokens, bit for bit.
    fn assert_agrees(&self, feed: &Value, model: &Checkpoint, viewer: u64) {
        let s = model.config.model.history_seq_len;
        let ranker = Ranker::new(model).unwrap();
        let context = ranker.encode(UserId(viewer), self.history(s, viewer));
        let posts = feed["feed"].as_array().unwrap();
        assert!(posts.len() >= 20 && feed["ranked_by"] == "model", "{feed}");
        for post in posts {
            let id = foryou_types::PostId(post["post_id"].as_str().unwrap().parse().unwrap());
            let known = self.corpus.get(id).unwrap();
            let item = CandidateItem {
                post: id,
                author: known.author,
                surface: Surface::Home as u8,
                age_bucket: age_bucket(known.created_at, TimeMs(end())),
                content: known.content,
            };
            let mut logits = Vec::new();
            ranker.score(&context, &[item], &mut logits);
            let heads = ranker.heads(&logits);
            for ((_, action), head) in model.config.action_set.iter().zip(heads) {
                let served = post["probabilities"].get(&action.name).unwrap_or(&post["dwell_time"]).as_f64();
                assert_eq!(served, Some(head), "S = {s}, viewer {viewer}, post {}, {}", id.0, action.name);
            }
        }
    }
}

#[test]
fn every_model_is_shown_the_tokens_it_was_trained_on() {
    let dir = tempfile::tempdir().unwrap();
    let (file, data) = (dir.path().join("events.jsonl"), dir.path().join("data"));
    fs::write(&file, events()).unwrap();
    let text = data.to_str().unwrap();
    json(&["import", "events", file.to_str().unwrap(), "--data", text]);
    let profile = Profile::from_toml(&fs::read_to_string(data.join("profile.toml")).unwrap()).unwrap();
    let models = LENGTHS.map(|s| checkpoint(&profile, s));
    let registry = Registry::open(&data.join("models"), &[&Phoenix]).unwrap();
    for model in &models {
        registry.add(model, None, TimeMs(0)).unwrap();
    }
    let taught = Taught::read(&data, &profile);
    // The windows are as different as they are meant to be: 500 tokens, the last 80 of them looks of which 20 count.
    assert_eq!(LENGTHS.map(|s| taught.history(s, 3).len()), [20, 73, 218]);

    let now = end().to_string();
    let feed = |viewer: u64, more: &[&str]| {
        let user = viewer.to_string();
        let mut args = vec!["feed", "--user", &user, "--now", &now, "--data", text];
        args.extend(more);
        json(&args)
    };
    // In process, each alone.
    for (number, model) in models.iter().enumerate() {
        registry.promote(&format!("ranker-{:04}", number + 1), TimeMs(1)).unwrap();
        for (viewer, _) in VIEWERS {
            taught.assert_agrees(&feed(viewer, &[]), model, viewer);
        }
    }
    // Over gRPC, two of them side by side: from a copy, since the first folder's lock is needed for the feeds.
    registry.promote_share("ranker-0001", 0.5).unwrap();
    let copy = dir.path().join("copy");
    assert!(std::process::Command::new("cp").arg("-r").arg(&data).arg(&copy).status().unwrap().success());
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut service = foryou();
    service.args(["phoenix", "serve", "--listen", &address, "--data"]).arg(&copy).stdout(Stdio::null());
    let _models = Killed(service.spawn().unwrap());
    let config = dir.path().join("remote.toml");
    fs::write(&config, format!("[phoenix]\nranking_address = \"http://{address}\"\nremote_timeout_ms = 5000\n[mixer]\nrequest_budget_ms = 10000\n"))
        .unwrap();
    let remote = |viewer: u64| feed(viewer, &["--config", config.to_str().unwrap()]);
    // The port is open before the models are loaded; until then the prior ranks.
    let until = Instant::now() + Duration::from_mins(1);
    while remote(VIEWERS[0].0)["model"].is_null() {
        assert!(Instant::now() < until, "phoenix serve does not rank");
    }
    let mut served = Vec::new();
    for (viewer, _) in VIEWERS {
        let feed = remote(viewer);
        let name = feed["model"].as_str().unwrap().to_owned();
        let model = if name == "ranker-0001" { &models[0] } else { &models[2] };
        taught.assert_agrees(&feed, model, viewer);
        served.push(name);
    }
    served.sort_unstable();
    served.dedup();
    assert_eq!(served, ["ranker-0001", "ranker-0003"], "both served somebody");
}
