//! REST under `/v1`, and the API description.

mod events;
mod feed;
mod openapi;
mod requests;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::feed::Feed;
use crate::feeds::for_you::ForYou;
use crate::limits;
use crate::problem::{Problem, no_such_method};

pub(crate) use events::check_number;
pub use feed::feed_routes;
use openapi::Refused;
pub use openapi::openapi;

/// A feed and the folder it is served from.
pub(super) struct Served<F> {
    app: Arc<App>,
    feed: Arc<F>,
}

impl<F> Clone for Served<F> {
    fn clone(&self) -> Self {
        Self { app: Arc::clone(&self.app), feed: Arc::clone(&self.feed) }
    }
}

impl FromRef<Served<ForYou>> for Arc<App> {
    fn from_ref(served: &Served<ForYou>) -> Self {
        Self::clone(&served.app)
    }
}

impl<F: Feed> Served<F> {
    async fn feed(&self, request: F::Request) -> Result<Json<F::Answer>, Problem> {
        self.app.feed(&self.feed, request, None).await.map(Json)
    }
}

/// The REST routes: events, the For You feed, and their description.
pub fn routes(app: Arc<App>, for_you: Arc<ForYou>) -> Router {
    let (routes, _) = described().split_for_parts();
    let routes = of_the_moment(routes).route("/openapi.json", get(openapi::get)).fallback(no_such_path);
    finished(routes).with_state(Served { app, feed: for_you })
}

/// Routes whose answers must not be cached.
fn of_the_moment<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.layer(axum::middleware::map_response(not_kept))
}

/// What holds for every route.
fn finished<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.method_not_allowed_fallback(no_such_method).layer(DefaultBodyLimit::max(limits::BODY_BYTES))
}

/// The routes under `/v1` with their descriptions, listed once.
fn described() -> OpenApiRouter<Served<ForYou>> {
    OpenApiRouter::new()
        .routes(routes!(events::append))
        .routes(routes!(feed::get, feed::post))
        .routes(routes!(requests::get))
}

/// Answers belong to one moment and one viewer, so they must not be cached.
async fn not_kept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The body of a request, whole.
fn read_body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    let body = body.map_err(|e| match e.status().as_u16() {
        413 => Problem::too_large(format!("the body is larger than {} bytes: send less at once", limits::BODY_BYTES)),
        _ => Problem::bad_request(format!("the body could not be read to its end: {}", e.body_text())),
    })?;
    // A list of the values in the order of the keys would be read, too.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Problem::bad_request("the body must be a JSON object, and it is a list"));
    }
    Ok(body)
}

async fn no_such_path(headers: HeaderMap, uri: axum::http::Uri) -> Response {
    let grpc = headers.get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"));
    if grpc {
        return tonic::Status::unimplemented(format!("unknown method {}", uri.path())).into_http::<axum::body::Body>();
    }
    Problem::not_found(format!("unknown path {}: /openapi.json lists all paths", uri.path())).into_response()
}
