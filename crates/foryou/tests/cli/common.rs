//! Running the binary, and files for it to read.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The built binary.
pub(crate) fn foryou() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foryou"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FORYOU_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs it and gives its output, whatever came of it.
pub(crate) fn run(args: &[&str]) -> Output {
    foryou().args(args).output().expect("foryou runs")
}

/// Runs it with `--json`; it must succeed and print one JSON document.
pub(crate) fn json(args: &[&str]) -> Value {
    let output = foryou().args(args).arg("--json").output().expect("foryou runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "foryou {args:?}: {:?}\n{err}", output.status);
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("foryou {args:?} printed no JSON document ({e}):\n{out}"))
}

/// Runs it; it must fail with this exit code. Gives what it said.
pub(crate) fn fails(code: i32, args: &[&str]) -> String {
    let output = run(args);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "foryou {args:?}\n{err}");
    assert!(!err.contains("panicked"), "foryou {args:?}\n{err}");
    err
}

/// Runs it and gives its exit code and everything it said. It must end as a command does: with 0, 1 or 2.
pub(crate) fn say(args: &[&str]) -> (i32, String) {
    let output = run(args);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let code = output.status.code().unwrap_or(-1);
    assert!((0..=2).contains(&code) && !text.contains("panicked"), "{args:?}: exit code {code}: {text}");
    (code, text)
}

/// Where the real data sets are; `None`, said loudly, where they are not.
pub(crate) fn shared_data(set: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TEST_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = root.join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: the data set {set} is absent ({} is no folder)", folder.display());
    None
}

/// A file of JSONL events: posts by 200 authors, follows, actions, a few deletes, in time order, each line another event.
pub(crate) fn events_file(path: &Path, events: usize) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a file of events"));
    let mut state = 42u64;
    let mut draw = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut posts = 0u64;
    for i in 0..events as u64 {
        // A day and a half, so that the age filter has something to keep and nothing is in the future.
        let at = 1_700_000_000_000 + i * 129_600_000 / events as u64;
        let (user, author) = (1_000 + draw(2_000), 1 + draw(200));
        match draw(20) {
            0..=4 => {
                posts += 1;
                writeln!(file, r#"{{"type":"post","at":{at},"post_id":{posts},"author_id":{author},"text":"post {posts} on topic {}"}}"#, draw(50))
            }
            5 => writeln!(file, r#"{{"type":"follow","at":{at},"user_id":{user},"target_id":{author}}}"#),
            6 if posts > 100 => {
                let shown: Vec<_> = (0..10).map(|_| 1 + draw(posts)).collect();
                writeln!(file, r#"{{"type":"impression","at":{at},"user_id":{user},"post_ids":{shown:?}}}"#)
            }
            7 if i % 41 == 0 && posts > 100 => {
                writeln!(file, r#"{{"type":"delete","at":{at},"post_id":{}}}"#, 1 + draw(posts))
            }
            n => {
                let action = ["favorite", "click", "repost", "reply"][(n % 4) as usize];
                let post = 1 + draw(posts.max(1));
                writeln!(file, r#"{{"type":"action","at":{at},"user_id":{user},"post_id":{post},"action":"{action}"}}"#)
            }
        }
        .expect("a file of events");
    }
    file.flush().expect("a file of events");
}

/// What of a feed must be equal for two feeds to be the same: not the request's number and its timings.
pub(crate) fn same_part(mut feed: Value) -> Value {
    let object = feed.as_object_mut().expect("a feed is an object");
    // A cursor is sealed with its folder's key.
    for key in ["request_id", "timings_ms", "next_cursor"] {
        object.remove(key);
    }
    feed
}

/// A process that is killed when the test is done with it.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Whether the service at an address says that it is ready.
pub(crate) fn is_ready(address: &str) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    agent.get(format!("http://{address}/readyz")).call().is_ok_and(|answer| answer.status() == 200)
}

/// A service on a free port, ready to answer.
pub(crate) struct Service {
    process: Killed,
    pub(crate) address: String,
}

impl Service {
    /// A service over 4,000 made-up events, its folder below `dir`.
    pub(crate) fn over_events(dir: &Path) -> Self {
        let (file, data) = (dir.join("events.jsonl"), dir.join("data"));
        events_file(&file, 4_000);
        json(&["import", "events", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
        Self::start(&data)
    }

    pub(crate) fn start(data: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let address = format!("127.0.0.1:{port}");
        let child = foryou()
            .args(["up", "--listen", &address, "--data"])
            .arg(data)
            .stderr(Stdio::inherit())
            .stdout(Stdio::null())
            .spawn()
            .expect("foryou up runs");
        let service = Self { process: Killed(child), address };
        for _ in 0..600 {
            if service.try_get("/readyz").is_some_and(|(status, _)| status == 200) {
                return service;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("foryou up did not get ready");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Asks the service to end; says whether it does in time.
    pub(crate) fn terminated_within(&mut self, time: std::time::Duration) -> bool {
        Command::new("kill").arg(self.process.0.id().to_string()).status().expect("kill runs");
        let until = std::time::Instant::now() + time;
        while std::time::Instant::now() < until {
            if self.process.0.try_wait().expect("a process").is_some() {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        false
    }

    fn try_get(&self, path: &str) -> Option<(u16, String)> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.get(format!("http://{}{path}", self.address)).call().ok()?;
        Some((response.status().as_u16(), response.body_mut().read_to_string().ok()?))
    }

    /// GET: status and JSON body.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.try_get(path).expect("an answer");
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// POST of JSON text: status and JSON body.
    pub(crate) fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent
            .post(format!("http://{}{path}", self.address))
            .content_type("application/json")
            .send(body)
            .expect("an answer");
        let text = response.body_mut().read_to_string().expect("a body");
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Sends one event, which must be taken.
    pub(crate) fn event(&self, event: &Value) {
        let (status, answer) = self.post("/v1/events", &serde_json::json!({ "events": [event] }).to_string());
        assert_eq!((status, &answer["accepted"]), (200, &1.into()), "{event}: {answer}");
    }

    /// A viewer's feed, with more of a query string.
    pub(crate) fn feed(&self, user: &str, more: &str) -> Value {
        let (status, answer) = self.get(&format!("/v1/feed?user={user}{more}"));
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

/// Imports the example town into a data folder; gives the report.
pub(crate) fn small_town(data: &Path) -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/town/events.jsonl");
    json(&["import", "events", file, "--data", data.to_str().expect("a path of text")])
}

/// The post ids of a feed.
pub(crate) fn post_ids(feed: &Value) -> Vec<String> {
    feed["feed"].as_array().expect("a feed").iter().map(|p| p["post_id"].as_str().expect("an id").to_owned()).collect()
}
