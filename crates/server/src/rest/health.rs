//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::extract::State;

use crate::app::App;
use crate::problem::Problem;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "The process answers")))]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Every part has read the log and serves.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses((status = 200, description = "Ready"), (status = 503, description = "A part is still reading the log", body = Problem))
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    match app.not_ready() {
        None => Ok("ready\n"),
        Some(part) => Err(Problem::unavailable(format!("{part} is still reading the log"))),
    }
}

/// Prometheus metrics.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, description = "Prometheus text format")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<String, Problem> {
    app.metrics.as_ref().map(|render| render()).ok_or_else(|| Problem::not_found("no metrics recorder is installed"))
}
