//! The door: gRPC and REST on one listener, open from the start of the process.
//!
//! A request goes through these steps, each in a file of its own:
//!
//! 1. The `listener` accepts its connection, which gets a place in the `table` and has time limits (`connection`).
//! 2. It gets an id (`request_id`), a line in the access log, and is counted in the metrics (`telemetry`). A panic behind this
//!    point becomes an answer, not a broken connection.
//! 3. The `guard` checks `Host`, `Origin` and `Content-Type`.
//! 4. Health, reflection and metrics are always answered (`probes`); everything else only once the service has started.
//! 5. Its body is read whole, within a time and a size (`body`).
//! 6. It takes a place among the requests of its kind, or is refused (`admission`). A request that has a place is answered in
//!    full; only the engine may still refuse ranking or retrieval when too many wait, and the feed does without.

mod admission;
mod body;
mod config;
mod connection;
mod guard;
mod handles;
mod health;
mod listener;
pub(crate) mod probes;
mod refusal;
mod request_id;
mod route;
mod services;
mod table;
mod telemetry;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use foryou_io::{Missing, Readiness};
use futures::FutureExt;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing::Instrument;

use self::admission::Admission;
use self::body::BodyReader;
use self::guard::Guard;
use self::refusal::Refusal;
use self::request_id::{REQUEST_ID, RequestIds, drop_bad_id};
use self::route::{Class, Route, is_grpc};
use self::telemetry::Measured;
use crate::problem::no_such_method;

pub use self::config::DoorConfig;
pub use self::services::Services;

/// Renders the metrics.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Answers below this size are not worth compressing.
const COMPRESSED_FROM: u64 = 1_024;

/// The open door of a service. Clones are handles to the same one.
#[derive(Clone)]
pub struct Door(Arc<Shared>);

pub(crate) struct Shared {
    config: DoorConfig,
    guard: Guard,
    admission: Admission,
    bodies: BodyReader,
    readiness: Readiness,
    metrics: Option<RenderMetrics>,
    /// The service behind the door, once it is open.
    inner: OnceLock<Router>,
    /// gRPC health says SERVING.
    health_serves: AtomicBool,
}

impl Shared {
    /// What is missing before the service is ready.
    fn missing(&self) -> Vec<Missing> {
        let mut missing = self.readiness.missing();
        if self.inner.get().is_none() && missing.is_empty() {
            missing.push(Missing { part: "service".to_owned(), ..Missing::default() });
        }
        missing
    }
}

impl Door {
    /// A door with nothing behind it yet.
    pub fn new(config: &DoorConfig, readiness: Readiness, metrics: Option<RenderMetrics>) -> Self {
        telemetry::describe();
        crate::app::describe();
        Self(Arc::new(Shared {
            guard: Guard::new(config),
            admission: Admission::new(config),
            bodies: BodyReader::new(config.max_body_bytes, config.body_timeout(), body::MEMORY),
            config: config.clone(),
            readiness,
            metrics,
            inner: OnceLock::new(),
            health_serves: AtomicBool::new(false),
        }))
    }

    /// Lets requests through to the service from now on. A second call changes nothing.
    pub fn open(&self, services: Services) {
        self.0.inner.get_or_init(|| services.routes.prepare().into_axum_router());
    }

    /// What is missing before the service is ready; empty when it is ready.
    pub fn missing(&self) -> Vec<Missing> {
        self.0.missing()
    }

    /// Serves on a listener until `shutdown` is ready, then lets the requests under way finish, for at most five seconds.
    /// `names` are the gRPC services that health speaks of.
    pub async fn serve(
        &self,
        listener: TcpListener,
        names: &[&'static str],
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), tonic_reflection::server::Error> {
        let (routes, reporter) = health::routes()?;
        let router = self.router(routes);
        let reporting = tokio::spawn(health::report(self.clone(), reporter, names.to_vec()));
        listener::serve(listener, router, &self.0.config, shutdown).await;
        reporting.abort();
        Ok(())
    }

    fn router(&self, health: Router<Arc<Shared>>) -> Router {
        let shared = &self.0;
        let compressed = DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_FROM));
        Router::new()
            .route("/healthz", get(probes::live))
            .route("/readyz", get(probes::ready))
            .route("/metrics", get(probes::metrics))
            .merge(health)
            .method_not_allowed_fallback(no_such_method)
            .fallback(pass)
            .with_state(Arc::clone(shared))
            .layer(
                ServiceBuilder::new()
                    .map_request(drop_bad_id)
                    .layer(SetRequestIdLayer::new(REQUEST_ID, RequestIds::default()))
                    .layer(
                        TraceLayer::new_for_http()
                            .make_span_with(telemetry::span)
                            .on_request(())
                            .on_response(telemetry::log_answer)
                            .on_failure(()),
                    )
                    .layer(PropagateRequestIdLayer::new(REQUEST_ID))
                    .layer(CompressionLayer::new().compress_when(compressed))
                    .layer(from_fn_with_state(Arc::clone(shared), watch_over)),
            )
    }
}

/// Measures a request, checks it, and turns a panic into an answer.
async fn watch_over(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let route = Route::of(request.uri().path());
    let grpc = is_grpc(request.headers());
    let measured = Measured::begin(&request, route, grpc);
    let (parts, body) = request.into_parts();
    let answered = match shared.guard.check(&parts) {
        Ok(()) => {
            let answer = next.run(Request::from_parts(parts, body));
            AssertUnwindSafe(answer).catch_unwind().await.map_err(|_| Refusal::Fault)
        }
        Err(refusal) => Err(refusal),
    };
    let response = answered.unwrap_or_else(|refusal| {
        telemetry::count_refusal(route, &refusal);
        refusal.answer(grpc)
    });
    measured.done(&response);
    response
}

/// Hands a request to the service behind the door, when it is its turn.
async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let route = Route::of(request.uri().path());
    let grpc = is_grpc(request.headers());
    admit(&shared, route, request).await.unwrap_or_else(|refusal| {
        telemetry::count_refusal(route, &refusal);
        refusal.answer(grpc)
    })
}

async fn admit(shared: &Shared, route: Route, request: Request) -> Result<Response, Refusal> {
    let Some(inner) = shared.inner.get() else {
        return Err(Refusal::Starting(probes::describe(&shared.missing())));
    };
    let (parts, body) = request.into_parts();
    let body = shared.bodies.read(&parts.headers, body).await?;
    let timed_out =
        |_| Refusal::TimedOut { events: route.class == Class::Events, after_ms: shared.config.request_timeout_ms };
    let answer = async {
        let pass = shared.admission.enter(route.class).await?;
        let request = Request::from_parts(parts, Body::from(body.bytes));
        let inner = inner.clone();
        // A task of its own: if the caller leaves, the work continues and keeps its place until it is done.
        let work = async move {
            let Ok(response) = inner.oneshot(request).await;
            drop((pass, body.memory));
            response
        };
        tokio::spawn(work.in_current_span()).await.map_err(|_| Refusal::Fault)
    };
    tokio::time::timeout(shared.config.request_timeout(), answer).await.map_err(timed_out)?
}
