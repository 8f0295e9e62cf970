//! `GET /v1/requests/{id}`: the answer to an earlier request.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use candidate_pipeline::StageTimings;
use home_mixer::candidate::ServedType;
use home_mixer::side_effects::RequestInfo;
use serde::{Deserialize, Serialize};
use server::limits::check_request_id;
use server::rest::{Refused, Served};
use server::{Ids, Problem, schema};
use utoipa::{IntoParams, ToSchema};

use crate::for_you::ForYou;

/// What is remembered about a request, for three hours.
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
    /// Milliseconds per stage; `null` until the request has ended.
    #[schema(schema_with = schema::optional_timings)]
    timings_ms: Option<StageTimings>,
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

/// The part of the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RequestPath {
    /// The request id of the answer.
    #[param(value_type = schema::KnownRequestId)]
    id: String,
}

/// A request of the last three hours.
#[utoipa::path(
    get, path = "/v1/requests/{id}", tag = "feed", operation_id = "find_request", params(RequestPath),
    responses(
        (status = 200, description = "The request", body = RequestAnswer),
        (status = 404, description = "Not known, or forgotten", body = Problem, content_type = "application/problem+json"),
        Refused,
    )
)]
pub(super) async fn get(
    State(served): State<Served<ForYou>>,
    path: Result<Path<RequestPath>, PathRejection>,
) -> Result<Json<RequestAnswer>, Problem> {
    let Path(RequestPath { id }) = path.map_err(|e| Problem::bad_request(e.body_text()))?;
    check_request_id("id", &id)?;
    let info = served.feed.mixer().request_info(&id).ok_or_else(|| {
        Problem::not_found(format!(
            "request {id:?} is not known: requests are remembered for three hours, and in-network requests not at all"
        ))
    })?;
    served.app.folder().looking_up(move |folder| Json(answer(id, &info, folder.ids()))).await
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
