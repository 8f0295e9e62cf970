//! One load on a running service: closed-loop clients, and connections that do nothing or dribble.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use foryou_proto::v1::ScoredPostsQuery;
use foryou_proto::v1::scored_posts_service_client::ScoredPostsServiceClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::Code;

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// The service's process, for its memory and its share of the processor.
    pub(crate) pid: Option<u32>,
    /// Clients that each ask again when they are answered.
    pub(crate) clients: usize,
    pub(crate) time: Duration,
    /// Share of requests that are an action on a post of the client's last feed.
    pub(crate) writes: f64,
    /// Feeds over gRPC instead of REST with keep-alive.
    pub(crate) grpc: bool,
    /// Viewers: 1 to this.
    pub(crate) users: u64,
    /// What a refused client waits before it asks again.
    pub(crate) pause: Duration,
    /// Connections that stay open and ask for nothing.
    pub(crate) idle: usize,
    /// Connections that send their headers a byte at a time.
    pub(crate) slow: usize,
}

/// What happened to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) seconds: f64,
    /// Milliseconds of answered feeds, sorted.
    pub(crate) feeds: Vec<f64>,
    pub(crate) writes: u64,
    pub(crate) refused: u64,
    /// The longest that a refusal took, in milliseconds.
    pub(crate) slowest_refusal: f64,
    /// Failed otherwise: broken connections, unexpected statuses.
    pub(crate) failed: u64,
    /// Answers without a model's version.
    pub(crate) without_model: u64,
    /// Answers in which something was degraded.
    pub(crate) degraded: u64,
    /// Posts of all answers, and of the shortest.
    pub(crate) posts: u64,
    pub(crate) fewest: u64,
    /// Resident memory of the service in MB: after a fifth of the time, at the end, at most.
    pub(crate) memory: [f64; 3],
    /// Seconds of processor time: the service, this generator.
    pub(crate) processor: [f64; 2],
}

impl Report {
    /// A percentile of the feeds' times, in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let last = self.feeds.len().saturating_sub(1);
        self.feeds.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }

    fn add(&mut self, other: Self) {
        self.fewest = match (self.feeds.is_empty(), other.feeds.is_empty()) {
            (true, _) => other.fewest,
            (_, true) => self.fewest,
            _ => self.fewest.min(other.fewest),
        };
        self.feeds.extend(other.feeds);
        self.writes += other.writes;
        self.refused += other.refused;
        self.slowest_refusal = self.slowest_refusal.max(other.slowest_refusal);
        self.failed += other.failed;
        self.without_model += other.without_model;
        self.degraded += other.degraded;
        self.posts += other.posts;
    }

    fn answered(&mut self, ms: f64, posts: u64, has_model: bool, degraded: bool) {
        self.fewest = if self.feeds.is_empty() { posts } else { self.fewest.min(posts) };
        self.feeds.push(ms);
        self.posts += posts;
        self.without_model += u64::from(!has_model);
        self.degraded += u64::from(degraded);
    }

    fn refused(&mut self, ms: f64) {
        self.refused += 1;
        self.slowest_refusal = self.slowest_refusal.max(ms);
    }
}

/// Puts the load on the service.
pub(crate) async fn run(load: Load) -> Report {
    let mut held = Vec::new();
    for _ in 0..load.idle {
        if let Ok(mut stream) = TcpStream::connect(load.address).await {
            // One request, so that it is a connection of the kind that clients keep.
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.ok();
            held.push(stream);
        }
    }
    let mut slow = JoinSet::new();
    for _ in 0..load.slow {
        slow.spawn(dribble(load.address));
    }
    let processor = || [load.pid.map_or(0.0, processor_seconds), processor_seconds(std::process::id())];
    let before = processor();
    let began = Instant::now();
    let memory = tokio::spawn(watch_memory(load.pid, load.time));
    let turn = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..load.clients {
        let (load, turn) = (load.clone(), Arc::clone(&turn));
        clients.spawn(async move { if load.grpc { ask_grpc(load, turn).await } else { ask_rest(load, turn).await } });
    }
    let mut report = Report::default();
    while let Some(done) = clients.join_next().await {
        match done {
            Ok(part) => report.add(part),
            Err(_) => report.failed += 1,
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    let after = processor();
    report.processor = [after[0] - before[0], after[1] - before[1]];
    report.memory = memory.await.unwrap_or_default();
    report.feeds.sort_by(f64::total_cmp);
    drop(held);
    report
}

/// The viewer of a turn: a stride through all of them, so that no two clients ask for the same in step.
fn viewer(turn: &AtomicU64, users: u64) -> (u64, u64) {
    let n = turn.fetch_add(1, Relaxed);
    (n, n.wrapping_mul(7_919) % users.max(1) + 1)
}

fn is_write(n: u64, share: f64) -> bool {
    (n as f64 * share).floor() != ((n + 1) as f64 * share).floor()
}

async fn ask_rest(load: Load, turn: Arc<AtomicU64>) -> Report {
    let mut report = Report::default();
    let mut connection = None;
    let mut last_post = None;
    let began = Instant::now();
    while began.elapsed() < load.time {
        let (n, user) = viewer(&turn, load.users);
        let write = last_post.as_ref().filter(|_| is_write(n, load.writes));
        let request = match write {
            None => format!("GET /v1/feed?user={user}&record=false HTTP/1.1\r\nhost: localhost\r\n\r\n"),
            Some(post) => {
                let body = format!(
                    r#"{{"events":[{{"type":"action","user_id":"{user}","post_id":"{post}","action":"favorite"}}]}}"#
                );
                let length = body.len();
                format!(
                    "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
                )
            }
        };
        let is_write = write.is_some();
        let asked = Instant::now();
        let answer = exchange(&mut connection, load.address, &request).await;
        let ms = asked.elapsed().as_secs_f64() * 1_000.0;
        match answer {
            Some((200, _)) if is_write => report.writes += 1,
            Some((200, body)) => {
                let posts = body.matches("\"rank\":").count() as u64;
                report.answered(ms, posts, !body.contains("\"model\":null"), !body.contains("\"degraded\":[]"));
                last_post = body
                    .split_once("\"post_id\":\"")
                    .and_then(|(_, rest)| rest.split('"').next())
                    .map(str::to_owned)
                    .or(last_post);
            }
            Some((503, _)) => {
                report.refused(ms);
                tokio::time::sleep(load.pause).await;
            }
            _ => {
                report.failed += 1;
                connection = None;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    report
}

async fn ask_grpc(load: Load, turn: Arc<AtomicU64>) -> Report {
    let mut report = Report::default();
    let Ok(mut client) = ScoredPostsServiceClient::connect(format!("http://{}", load.address)).await else {
        report.failed += 1;
        return report;
    };
    let began = Instant::now();
    while began.elapsed() < load.time {
        let (_, user_id) = viewer(&turn, load.users);
        let query = ScoredPostsQuery { user_id, do_not_record: true, ..ScoredPostsQuery::default() };
        let asked = Instant::now();
        let answer = client.get_scored_posts(query).await;
        let ms = asked.elapsed().as_secs_f64() * 1_000.0;
        match answer {
            Ok(answer) => {
                let answer = answer.into_inner();
                let posts = answer.posts.len() as u64;
                report.answered(ms, posts, !answer.model.is_empty(), !answer.degraded.is_empty());
            }
            Err(status) if status.code() == Code::ResourceExhausted => {
                report.refused(ms);
                tokio::time::sleep(load.pause).await;
            }
            Err(_) => report.failed += 1,
        }
    }
    report
}

/// Sends a request and reads the answer, on the connection there is or a new one.
async fn exchange(connection: &mut Option<TcpStream>, address: SocketAddr, request: &str) -> Option<(u16, String)> {
    if connection.is_none() {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        *connection = Some(stream);
    }
    let stream = connection.as_mut()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut read = Vec::with_capacity(32_768);
    let mut head = None;
    loop {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
        if head.is_none()
            && let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n")
        {
            let text = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let status = text.split(' ').nth(1)?.parse().ok()?;
            let length: usize = text.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok())?;
            head = Some((status, end + 4, end + 4 + length));
        }
        if let Some((status, start, end)) = head
            && read.len() >= end
        {
            return Some((status, String::from_utf8_lossy(&read[start..end]).into_owned()));
        }
    }
}

/// Sends headers a byte at a time, for ever; connects again when it is thrown out.
async fn dribble(address: SocketAddr) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(address).await {
            stream.write_all(b"GET /v1/feed?user=1 HTTP/1.1\r\nx: ").await.ok();
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn watch_memory(pid: Option<u32>, time: Duration) -> [f64; 3] {
    let Some(pid) = pid else { return [0.0; 3] };
    tokio::time::sleep(time / 5).await;
    let first = resident_mb(pid);
    let (mut last, mut most) = (first, first);
    for _ in 0..20 {
        tokio::time::sleep(time / 25).await;
        last = resident_mb(pid);
        most = last.max(most);
    }
    [first, last, most]
}

fn resident_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok()).unwrap_or(0.0) / 1_000.0
}

/// Processor time that a process has used; ticks are hundredths of a second on Linux.
fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold spaces; the fields after it do not.
    let after = stat.rsplit(')').next().unwrap_or_default();
    after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0
}
