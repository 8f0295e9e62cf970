//! REST under `/v1`, and the API description.

mod events;
mod feed;
mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::limits;
use crate::problem::{Problem, no_such_method};

pub(crate) use events::check_number;
pub use feed::{Served, bad_query, feed_routes, read_request};
pub use openapi::{Refused, openapi};

/// The REST routes: events, those of the main feed, and the description of both. `schemas` are those that the feed's description
/// names beside the shared ones.
pub fn routes(app: Arc<App>, feed: OpenApiRouter, schemas: Map<String, Value>) -> Router {
    let (feed, description) = feed.split_for_parts();
    let document = openapi(&app.folder().profile, description, schemas).to_string();
    let (events, _) = described().with_state(app).split_for_parts();
    let routes = of_the_moment(events.merge(feed));
    let description = get(async move || ([(header::CONTENT_TYPE, "application/json")], Bytes::from(document.clone())));
    finished(routes.route("/openapi.json", description).fallback(no_such_path))
}

/// Routes whose answers must not be cached.
fn of_the_moment<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.layer(axum::middleware::map_response(not_kept))
}

/// What holds for every route.
fn finished<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.method_not_allowed_fallback(no_such_method).layer(DefaultBodyLimit::max(limits::BODY_BYTES))
}

/// The service's own routes under `/v1` with their descriptions, listed once.
fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(events::append))
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
