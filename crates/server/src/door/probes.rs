//! `/healthz`, `/readyz`, `/metrics`: answered from the start of the process.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use foryou_io::Missing;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use crate::problem::Problem;

/// Why the service is not ready.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotReady {
    /// What kind of problem, in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is missing, in words.
    detail: String,
    /// What is missing, and how far each part is.
    missing: Vec<Missing>,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses(
    (status = 200, description = "The process answers", body = String, content_type = "text/plain"),
))]
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// Every part has read the log and serves.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "Ready", body = String, content_type = "text/plain"),
        (status = 503, description = "What is missing, and how far it is", body = NotReady, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let mut missing = shared.missing();
    // gRPC health polls a few times a second: a client that was told "ready" here must not be told NOT_SERVING there.
    if missing.is_empty() && !shared.health_serves.load(Relaxed) {
        missing.push(Missing { part: "gRPC health".to_owned(), ..Missing::default() });
    }
    if missing.is_empty() {
        return "ready\n".into_response();
    }
    let answer = NotReady { title: "unavailable", status: 503, detail: describe(&missing), missing };
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Prometheus metrics.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Prometheus text format", body = String, content_type = "text/plain"),
    (status = 404, description = "No recorder is installed", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let render = shared.metrics.as_ref().ok_or_else(|| Problem::not_found("no metrics recorder is installed"))?;
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, text)], render()).into_response())
}

/// What is missing, as a sentence.
pub(super) fn describe(missing: &[Missing]) -> String {
    let parts: Vec<_> = missing.iter().map(ToString::to_string).collect();
    format!("the service is not ready: {}", parts.join(", "))
}
