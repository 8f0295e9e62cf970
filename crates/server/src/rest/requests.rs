//! `GET /v1/requests/{id}`: what was answered to a request.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use home_mixer::answer::Timings;
use home_mixer::candidate::ServedType;
use home_mixer::side_effects::RequestInfo;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::ids::Ids;
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
    /// Ranked candidates that were not served.
    non_selected: usize,
    /// Milliseconds per stage; `null` in the moment before the request's end is written down.
    #[schema(value_type = Object)]
    timings_ms: Option<Timings>,
}

/// A served post.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Selected {
    post_id: String,
    /// Its final score.
    score: Option<f64>,
    source: Option<&'static str>,
    in_network: Option<bool>,
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
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RequestAnswer>, Problem> {
    let Path(id) = id.map_err(|e| Problem::bad_request(e.body_text()))?;
    let info = app.mixer.request_info(&id).ok_or_else(|| {
        Problem::not_found(format!(
            "no request {id:?}: requests are remembered for three hours, in-network ones not at all"
        ))
    })?;
    app.looking_up(move |app| Json(answer(id, &info, app.ids()))).await
}

fn answer(id: String, info: &RequestInfo, ids: Ids<'_>) -> RequestAnswer {
    RequestAnswer {
        request_id: id,
        viewer: ids.print_user(info.viewer).unwrap_or_default(),
        now: info.now.0,
        selected: info
            .selected
            .iter()
            .map(|post| Selected {
                post_id: ids.print_post(post.post_id),
                score: post.score,
                source: post.served_type.map(ServedType::as_str),
                in_network: post.in_network,
            })
            .collect(),
        non_selected: info.non_selected,
        timings_ms: info.outcome().map(|outcome| outcome.timings),
    }
}
