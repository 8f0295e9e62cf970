//! `GET /v1/feed` for what people ask, `POST /v1/feed` for everything a query may say.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use crate::answer::FeedAnswer;
use crate::app::App;
use crate::ids::IdText;
use crate::problem::Problem;
use crate::request::{FeedRequest, TimeText};

/// The query of `GET /v1/feed`. A flag may stand alone (`&in_network_only`).
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedParams {
    /// The viewer.
    user: String,
    /// Posts wanted.
    limit: Option<usize>,
    /// Only posts of followed accounts.
    #[serde(default, deserialize_with = "flag")]
    in_network_only: bool,
    /// No posts with video.
    #[serde(default, deserialize_with = "flag")]
    exclude_videos: bool,
    /// Only posts with video.
    #[serde(default, deserialize_with = "flag")]
    video_only: bool,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// The moment of the request, Unix milliseconds or RFC 3339.
    #[param(value_type = Option<String>)]
    now: Option<TimeText>,
    /// `false`: do not record the posts as served.
    #[serde(default, deserialize_with = "optional_flag")]
    record: Option<bool>,
    /// Made up by the server when absent.
    request_id: Option<String>,
    /// Tell every decision about every candidate.
    #[serde(default, deserialize_with = "flag")]
    explain: bool,
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(serde::de::Error::custom(format!("a flag is true or false, not {other:?}"))),
    }
}

fn optional_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    flag(deserializer).map(Some)
}

impl From<FeedParams> for FeedRequest {
    fn from(params: FeedParams) -> Self {
        Self {
            user_id: IdText(params.user),
            limit: params.limit,
            in_network_only: params.in_network_only,
            exclude_videos: params.exclude_videos,
            video_only: params.video_only,
            cursor: params.cursor,
            now: params.now,
            record: params.record,
            request_id: params.request_id.unwrap_or_default(),
            explain: params.explain,
            ..Self::default()
        }
    }
}

/// A viewer's feed.
#[utoipa::path(
    get, path = "/v1/feed", tag = "feed", params(FeedParams),
    responses(
        (status = 200, description = "The feed", body = FeedAnswer),
        (status = 400, description = "The request is wrong", body = Problem),
    )
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    params: Result<Query<FeedParams>, QueryRejection>,
) -> Result<Json<FeedAnswer>, Problem> {
    let Query(params) = params.map_err(|e| Problem::bad_request(e.body_text()))?;
    app.feed(params.into(), None).await.map(Json)
}

/// A viewer's feed, by a full query.
#[utoipa::path(
    post, path = "/v1/feed", tag = "feed", request_body = FeedRequest,
    responses(
        (status = 200, description = "The feed", body = FeedAnswer),
        (status = 400, description = "The request is wrong", body = Problem),
    )
)]
pub(super) async fn post(
    State(app): State<Arc<App>>,
    request: Result<Json<FeedRequest>, JsonRejection>,
) -> Result<Json<FeedAnswer>, Problem> {
    let Json(request) = request.map_err(|e| match e.status().as_u16() {
        413 => Problem::too_large(e.body_text()),
        _ => Problem::bad_request(e.body_text()),
    })?;
    app.feed(request, None).await.map(Json)
}
