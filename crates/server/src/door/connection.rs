//! One connection: what it is doing, and since when.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::config::DoorConfig;

/// How a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// Not at all.
    No,
    /// After the requests under way; then, shortly after, in any case.
    Idle,
    /// At once.
    Now,
}

/// Time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    header: Duration,
    idle: Duration,
    /// A request and its body, and the answer on its way.
    request: Duration,
}

impl Times {
    pub(super) fn new(config: &DoorConfig) -> Self {
        Self {
            header: config.header_timeout(),
            idle: config.idle_timeout(),
            request: config.request_timeout() + config.body_timeout() * 2,
        }
    }

    /// How often connections are looked at: often enough for the shortest time.
    pub(super) fn look_every(&self) -> Duration {
        (self.header.min(self.idle).min(self.request) / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}

/// What a connection is doing. Times are milliseconds since it was opened.
#[derive(Debug)]
pub(super) struct Connection {
    opened: Instant,
    /// Requests that are under way, without streams.
    requests: AtomicUsize,
    /// Streams that may stay open: health watches, reflection.
    streams: AtomicUsize,
    /// When a request began or ended last.
    changed: AtomicU64,
    /// Since when an incomplete request has been waiting; 0: there is none.
    reading: AtomicU64,
    /// Only over HTTP/1 do bytes between requests belong to the next request: over HTTP/2 they may be pings.
    is_http1: AtomicBool,
    served: AtomicBool,
    close: watch::Sender<Close>,
}

impl Connection {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            opened: now,
            requests: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            changed: AtomicU64::new(0),
            reading: AtomicU64::new(0),
            is_http1: AtomicBool::new(true),
            served: AtomicBool::new(false),
            close: watch::Sender::new(Close::No),
        }
    }

    fn age(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.opened).as_millis() as u64
    }

    /// A request begins; it ends when the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, version: axum::http::Version, streams: bool) -> Begun {
        let count = if streams { &self.streams } else { &self.requests };
        count.fetch_add(1, Relaxed);
        self.is_http1.store(version < axum::http::Version::HTTP_2, Relaxed);
        self.served.store(true, Relaxed);
        self.reading.store(0, Relaxed);
        self.changed.store(self.age(Instant::now()), Relaxed);
        Begun { connection: Arc::clone(self), streams }
    }

    fn read_something(&self) {
        if self.requests.load(Relaxed) == 0 && self.reading.load(Relaxed) == 0 {
            self.reading.store(self.age(Instant::now()).max(1), Relaxed);
        }
    }

    /// How long it has been idle; `None` while a request is under way.
    pub(super) fn idle_for(&self, now: Instant) -> Option<u64> {
        let idle = self.requests.load(Relaxed) == 0;
        idle.then(|| self.age(now).saturating_sub(self.changed.load(Relaxed)))
    }

    pub(super) fn has_streams(&self) -> bool {
        self.streams.load(Relaxed) > 0
    }

    /// Which time limit it has exceeded, if any.
    pub(super) fn overdue(&self, now: Instant, times: &Times) -> Option<(&'static str, Close)> {
        let age = self.age(now);
        let over = |since: u64, time: Duration| age.saturating_sub(since) > time.as_millis() as u64;
        let changed = self.changed.load(Relaxed);
        if self.requests.load(Relaxed) > 0 {
            // The client neither reads the answer nor sends another request.
            return over(changed, times.request).then_some(("stalled", Close::Now));
        }
        if self.has_streams() {
            return None;
        }
        let reading = self.reading.load(Relaxed);
        let late_headers = if self.served.load(Relaxed) {
            self.is_http1.load(Relaxed) && reading > 0 && over(reading, times.header)
        } else {
            over(0, times.header)
        };
        if late_headers {
            return Some(("header_timeout", Close::Now));
        }
        over(changed, times.idle).then_some(("idle_timeout", Close::Idle))
    }

    /// Tells the task of the connection to end it; `false` if it was told before.
    pub(super) fn end(&self, how: Close) -> bool {
        self.close.send_if_modified(|close| {
            let worse = *close == Close::No || how == Close::Now && *close != Close::Now;
            if worse {
                *close = how;
            }
            worse
        })
    }

    pub(super) fn told(&self) -> watch::Receiver<Close> {
        self.close.subscribe()
    }
}

/// A request under way on a connection.
#[derive(Debug)]
pub(super) struct Begun {
    connection: Arc<Connection>,
    streams: bool,
}

impl Drop for Begun {
    fn drop(&mut self) {
        let connection = &self.connection;
        connection.changed.store(connection.age(Instant::now()), Relaxed);
        let count = if self.streams { &connection.streams } else { &connection.requests };
        count.fetch_sub(1, Relaxed);
    }
}

/// A stream that tells its connection when bytes come.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) connection: Arc<Connection>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.connection.read_something();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Version;

    use super::*;

    fn times() -> Times {
        Times::new(&DoorConfig {
            header_timeout_ms: 10_000,
            idle_timeout_ms: 60_000,
            request_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            ..DoorConfig::default()
        })
    }

    /// A connection opened some seconds ago.
    fn opened(seconds_ago: u64) -> Arc<Connection> {
        let now = Instant::now();
        Arc::new(Connection::new(now.checked_sub(Duration::from_secs(seconds_ago)).unwrap()))
    }

    fn overdue(connection: &Connection, in_seconds: u64) -> Option<&'static str> {
        connection.overdue(Instant::now() + Duration::from_secs(in_seconds), &times()).map(|(why, _)| why)
    }

    #[test]
    fn the_first_request_must_come_soon_whatever_bytes_come() {
        let connection = opened(9);
        assert_eq!(overdue(&connection, 0), None);
        connection.read_something();
        assert_eq!(overdue(&connection, 2), Some("header_timeout"));
    }

    #[test]
    fn between_requests_it_may_idle_but_not_dribble() {
        let connection = opened(1);
        drop(connection.begin(Version::HTTP_11, false));
        assert_eq!((overdue(&connection, 59), overdue(&connection, 61)), (None, Some("idle_timeout")));
        connection.read_something();
        assert_eq!((overdue(&connection, 9), overdue(&connection, 11)), (None, Some("header_timeout")));
        // Over HTTP/2 the bytes may be a ping's answer.
        drop(connection.begin(Version::HTTP_2, false));
        connection.read_something();
        assert_eq!((overdue(&connection, 59), overdue(&connection, 61)), (None, Some("idle_timeout")));
    }

    #[test]
    fn a_request_has_its_time_and_a_stream_has_no_end() {
        let connection = opened(1);
        let request = connection.begin(Version::HTTP_2, false);
        assert_eq!(connection.idle_for(Instant::now()), None);
        assert_eq!((overdue(&connection, 69), overdue(&connection, 71)), (None, Some("stalled")));
        let stream = connection.begin(Version::HTTP_2, true);
        drop(request);
        assert_eq!(overdue(&connection, 100_000), None);
        assert!(connection.has_streams() && connection.idle_for(Instant::now()).is_some());
        drop(stream);
        assert_eq!(overdue(&connection, 61), Some("idle_timeout"));
    }

    #[test]
    fn who_was_told_to_end_at_once_is_not_told_to_take_its_time() {
        let connection = opened(1);
        let told = connection.told();
        connection.end(Close::Idle);
        assert_eq!(*told.borrow(), Close::Idle);
        connection.end(Close::Now);
        connection.end(Close::Idle);
        assert_eq!(*told.borrow(), Close::Now);
    }
}
