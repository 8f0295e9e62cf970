//! `GET /v1/requests/{id}`: what was answered to a request.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// What is remembered of a request, for three hours.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct RequestAnswer {
    request_id: String,
    viewer: String,
    /// Its now, Unix milliseconds.
    now: i64,
    /// What was served, best first.
    selected: Vec<Selected>,
    /// Milliseconds per stage.
    timings_ms: BTreeMap<String, f64>,
}

/// A served post.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Selected {
    post_id: String,
    score: f64,
}

/// A request of the last three hours.
#[utoipa::path(
    get, path = "/v1/requests/{id}", tag = "feed", params(("id" = String, Path, description = "The request id of the answer")),
    responses(
        (status = 200, description = "The request", body = RequestAnswer),
        (status = 404, description = "Not known, or forgotten", body = Problem),
    )
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<RequestAnswer>, Problem> {
    let info = app.mixer.request_info(&id).ok_or_else(|| {
        Problem::not_found(format!(
            "no request {id:?}: requests are remembered for three hours, in-network ones not at all"
        ))
    })?;
    let ids = app.ids();
    Ok(Json(RequestAnswer {
        request_id: id,
        viewer: ids.print_user(info.viewer).unwrap_or_default(),
        now: info.now.0,
        selected: info
            .selected
            .iter()
            .map(|&(post, score)| Selected { post_id: ids.print_post(post), score })
            .collect(),
        timings_ms: info.timings_ms.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
    }))
}
