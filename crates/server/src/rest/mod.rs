//! REST under `/v1`, and the API description.

mod events;
mod feed;
mod openapi;
mod requests;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::problem::Problem;

pub use openapi::openapi_json;

/// Bytes of a request body at most.
pub const MAX_BODY: usize = 16 << 20;

/// The REST routes.
pub fn routes(app: Arc<App>) -> axum::Router {
    axum::Router::new()
        .route("/v1/events", post(events::append))
        .route("/v1/feed", get(feed::get).post(feed::post))
        .route("/v1/requests/{id}", get(requests::get))
        .route("/openapi.json", get(openapi::get))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(app)
}

async fn no_such_path(headers: HeaderMap, uri: axum::http::Uri) -> Response {
    let grpc = headers.get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"));
    if grpc {
        return tonic::Status::unimplemented(format!("no method {}", uri.path())).into_http::<axum::body::Body>();
    }
    Problem::not_found(format!("no {}; /openapi.json lists what there is", uri.path())).into_response()
}

async fn no_such_method(method: axum::http::Method, uri: axum::http::Uri) -> Problem {
    Problem { title: "method not allowed", status: 405, detail: format!("{} does not take {method}", uri.path()) }
}
