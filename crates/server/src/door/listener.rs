//! The accept loop: limited connections, and a shutdown that lets requests under way finish.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

use super::config::DoorConfig;
use super::connection::{Close, Connection, Times, Watched};
use super::handles;
use super::route::Route;
use super::table::{Place, Table};

/// How long requests under way may take to finish after the shutdown. A client that never sends the rest of its request, or
/// watches a stream, must not keep the process alive.
const DRAIN: Duration = Duration::from_secs(5);
/// How long an idle connection may take to close.
const GOODBYE: Duration = Duration::from_secs(1);
/// The first and the longest pause after a failed accept.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// Calls that one HTTP/2 connection may have open: a client's pool of connections is larger than one.
const MAX_STREAMS: u32 = 128;
/// Most bytes of a request's headers; more are refused (431).
const MAX_HEADERS: u32 = 32 << 10;
/// How often an HTTP/2 client is pinged, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);

/// Serves until `shutdown` is ready, then lets the requests under way finish, for at most five seconds.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    config: &DoorConfig,
    shutdown: impl Future<Output = ()>,
) {
    let times = Times::new(config);
    let table = Arc::new(Table::new(handles::connections(config.max_connections), times));
    let builder = Arc::new(builder());
    let (stop, stopped) = watch::channel(false);
    // Every connection holds a sender; when all senders are gone, all connections have ended.
    let (alive, mut all_ended) = mpsc::channel::<Infallible>(1);
    let mut look = tokio::time::interval(times.look_every());
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut pause = PAUSE.0;
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = look.tick() => table.sweep(Instant::now()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    pause = PAUSE.0;
                    // Answers are written whole: Nagle's algorithm would only delay them.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection ended before it began");
                        continue;
                    }
                    let Some(place) = table.admit(Instant::now()) else {
                        metrics::counter!("http_connections_refused_total").increment(1);
                        continue;
                    };
                    let connection = serve_one(stream, place, router.clone(), Arc::clone(&builder), stopped.clone());
                    let alive = alive.clone();
                    tokio::spawn(async move {
                        connection.await;
                        drop(alive);
                    });
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    metrics::counter!("http_accept_errors_total").increment(1);
                    // Usually no file handles are left: closing an idle connection frees one.
                    let made_room = table.drop_idlest(Instant::now());
                    tracing::warn!(%error, made_room, "a connection could not be accepted; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            },
        }
    }
    drop(listener);
    stop.send_replace(true);
    drop(alive);
    // Requests that have not finished by then are cut off with the runtime.
    tokio::time::timeout(DRAIN, all_ended.recv()).await.ok();
}

/// Errors of one client that left before it was accepted: the next one may be fine.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The table enforces the header timeout; hyper's own timer would close idle connections too.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEADERS as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS);
    builder
}

async fn serve_one(
    stream: TcpStream,
    place: Place,
    router: Router,
    builder: Arc<Builder<TokioExecutor>>,
    mut stopped: watch::Receiver<bool>,
) {
    let connection = Arc::clone(&place.connection);
    let mut told = connection.told();
    let io = TokioIo::new(Watched { stream, connection: Arc::clone(&connection) });
    let service = tower::service_fn(move |request: Request<Incoming>| answer(router.clone(), &connection, request));
    let mut serving = pin!(builder.serve_connection(io, TowerToHyperService::new(service)));
    let how = tokio::select! {
        ended = serving.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended with an error");
            }
            return;
        }
        // An error means that the sender is gone: the table's entry, or the accept loop.
        how = async { told.wait_for(|how| *how != Close::No).await.map_or(Close::Now, |how| *how) } => how,
        () = async { stopped.wait_for(|stopped| *stopped).await.map_or((), |_| ()) } => Close::No,
    };
    let time = match how {
        Close::Now => return,
        Close::Idle => GOODBYE,
        Close::No => DRAIN,
    };
    serving.as_mut().graceful_shutdown();
    // An error ends the connection as well.
    tokio::time::timeout(time, serving).await.ok();
}

/// Answers a request; the connection is busy until the answer is sent.
fn answer(
    router: Router,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
    let begun = connection.begin(request.version(), Route::of(request.uri().path()).streams);
    async move {
        let response = router.oneshot(request.map(Body::new)).await?;
        Ok(response.map(|body| {
            Body::new(body.map_err(move |error| {
                let _until_sent = &begun;
                error
            }))
        }))
    }
}
