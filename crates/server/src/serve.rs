//! Both transports on one listener.

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;

use foryou_proto::FILE_DESCRIPTOR_SET;
use foryou_proto::v1::event_service_server::EventServiceServer;
use foryou_proto::v1::scored_posts_service_server::ScoredPostsServiceServer;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::grpc::{EventsGrpc, ScoredPostsGrpc};
use crate::problem::Problem;
use crate::rest;

/// REST, gRPC, health and reflection in one router. `more` adds further gRPC services (Thunder's); the health service says
/// NOT_SERVING until `ready`; its reporter is for the further services.
pub async fn router(
    app: Arc<App>,
    ready: thunder::Readiness,
    more: impl FnOnce(Routes) -> Routes,
) -> Result<(axum::Router, HealthReporter), tonic_reflection::server::Error> {
    let rest = rest::routes(app.clone());
    let (router, health) = assemble(Routes::from(rest), |routes| {
        more(
            routes
                .add_service(
                    ScoredPostsServiceServer::new(ScoredPostsGrpc(app.clone()))
                        .max_decoding_message_size(rest::MAX_BODY),
                )
                .add_service(EventServiceServer::new(EventsGrpc(app)).max_decoding_message_size(rest::MAX_BODY)),
        )
    })?;
    health.set_not_serving::<ScoredPostsServiceServer<ScoredPostsGrpc>>().await;
    health.set_serving::<EventServiceServer<EventsGrpc>>().await;
    tokio::spawn(thunder::grpc::report_health(health.clone(), ready.clone()));
    let reporter = health.clone();
    tokio::spawn(async move {
        ready.wait().await;
        reporter.set_serving::<ScoredPostsServiceServer<ScoredPostsGrpc>>().await;
    });
    Ok((router, health))
}

/// gRPC services of the caller's with health and reflection, and nothing else.
pub fn bare_router(
    services: impl FnOnce(Routes) -> Routes,
) -> Result<(axum::Router, HealthReporter), tonic_reflection::server::Error> {
    assemble(Routes::default(), services)
}

fn assemble(
    routes: Routes,
    services: impl FnOnce(Routes) -> Routes,
) -> Result<(axum::Router, HealthReporter), tonic_reflection::server::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection =
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET);
    let routes = services(routes.add_service(health_service).add_service(reflection.build_v1()?));
    let router = routes.into_axum_router().layer(CatchPanicLayer::custom(|_| {
        axum::response::IntoResponse::into_response(Problem::internal("the request hit a fault of the service"))
    }));
    Ok((router, health))
}

/// How long requests under way may take to finish after the shutdown: a client that never sends the rest of its request, or
/// watches a stream, must not keep the process.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown` is ready, then lets the requests under way finish, for at most five seconds.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (begun, mut draining) = tokio::sync::oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        // Only a server that ended already does not listen.
        begun.send(()).ok();
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown).into_future();
    let too_long = async {
        if (&mut draining).await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = serving => ended,
        () = too_long => Ok(()),
    }
}
