//! A door with a stub behind it, and a client that sends what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::RawQuery;
use axum::routing::{get, post};
use foryou_io::Readiness;
use foryou_proto::v1::scored_posts_service_server::{ScoredPostsService, ScoredPostsServiceServer};
use foryou_proto::v1::{ScoredPostsQuery, ScoredPostsResponse};
use server::{Door, DoorConfig, Services};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status};

pub(crate) const FEED_SERVICE: &str = "foryou.v1.ScoredPostsService";

/// What a number of milliseconds stands for that a stub is asked to take.
const PANIC: u64 = 666_666;

async fn work(ms: u64) {
    assert_ne!(ms, PANIC, "a bug");
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

struct Stub;

#[tonic::async_trait]
impl ScoredPostsService for Stub {
    /// Takes as many milliseconds as the user's number says.
    async fn get_scored_posts(
        &self,
        request: Request<ScoredPostsQuery>,
    ) -> Result<Response<ScoredPostsResponse>, Status> {
        work(request.into_inner().user_id).await;
        Ok(Response::new(ScoredPostsResponse { request_id: "x".repeat(3_000), ..ScoredPostsResponse::default() }))
    }
}

/// `/v1/feed?MS` takes so long; `panic` panics. `/v1/events` says how much it was sent. `/openapi.json` is long.
pub(crate) fn stubs() -> Services {
    let feed = |RawQuery(query): RawQuery| async move {
        let query = query.unwrap_or_default();
        work(if query == "panic" { PANIC } else { query.parse().unwrap_or(0) }).await;
        "feed"
    };
    let rest = axum::Router::new()
        .route("/v1/feed", get(feed))
        .route("/v1/events", post(|body: String| async move { body.len().to_string() }))
        .route("/openapi.json", get(|| async { "long ".repeat(1_000) }));
    Services::beside(rest).with(ScoredPostsServiceServer::new(Stub))
}

/// A served door; it is told to end when this is dropped.
pub(crate) struct Served {
    pub(crate) door: Door,
    pub(crate) readiness: Readiness,
    pub(crate) address: SocketAddr,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) serving: JoinHandle<()>,
}

impl Served {
    /// With nothing behind it.
    pub(crate) async fn closed(config: DoorConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let readiness = Readiness::default();
        let door = Door::new(&config, readiness.clone(), None);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn({
            let door = door.clone();
            async move {
                let stopped = async {
                    stopped.await.ok();
                };
                door.serve(listener, &[FEED_SERVICE], stopped).await.unwrap();
            }
        });
        Self { door, readiness, address, stop, serving }
    }

    /// With the stubs behind it.
    pub(crate) async fn open(config: DoorConfig) -> Self {
        let served = Self::closed(config).await;
        served.door.open(stubs());
        served
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap() }
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, head: &str, body: &str) -> Answer {
        self.connect().await.ask(head, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n"), "").await
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    /// Sends a request; `head` has its lines without the empty one.
    pub(crate) async fn ask(&mut self, head: &str, body: &str) -> Answer {
        self.stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        self.answer().await.unwrap()
    }

    /// The next answer; `None`: the connection has ended.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let mut read = Vec::new();
        let mut piece = vec![0; 65_536];
        loop {
            let n = self.stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
            read.extend_from_slice(&piece[..n]);
            let text = String::from_utf8_lossy(&read);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let whole = length.map_or(body.ends_with("0\r\n\r\n"), |length| body.len() >= length);
            if whole {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Some(Answer { status, head: head.to_owned(), body: body.to_owned() });
            }
        }
    }

    /// Whether the server ends the connection within a time.
    pub(crate) async fn ends_within(&mut self, ms: u64) -> bool {
        tokio::time::timeout(Duration::from_millis(ms), self.answer()).await.is_ok_and(|answer| answer.is_none())
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}
