//! `GET /v1/feed` for common queries, `POST /v1/feed` for everything that a query may say.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::Method;
use serde::{Deserialize, Deserializer};
use server::rest::{Refused, Served, bad_query, read_request};
use server::{GivenId, Problem, TimeText, schema};
use utoipa::IntoParams;

use crate::answer::FeedAnswer;
use crate::for_you::ForYou;
use crate::request::FeedRequest;

/// The query of `GET /v1/feed`. A flag may stand alone (`&in_network_only`).
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FeedParams {
    /// The viewer.
    #[param(value_type = schema::UserId)]
    user: String,
    /// Number of posts.
    #[param(value_type = schema::Limit, required = false)]
    limit: Option<usize>,
    /// Only posts of followed accounts.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = schema::Flag, required = false)]
    in_network_only: bool,
    /// No posts with video.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = schema::Flag, required = false)]
    exclude_videos: bool,
    /// Only posts with video.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = schema::Flag, required = false)]
    video_only: bool,
    /// `next_cursor` of the page before.
    #[param(value_type = schema::Cursor, required = false)]
    cursor: Option<String>,
    /// The moment of the request, Unix milliseconds or RFC 3339. Such a feed is never recorded as served.
    #[param(value_type = schema::Time, required = false)]
    now: Option<TimeText>,
    /// Record the posts as served, so that they are not served again for a while. Default: false; always false for HEAD.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = schema::Flag, required = false)]
    record: bool,
    /// Id of the request; generated if it is absent.
    #[param(value_type = schema::RequestId, required = false)]
    request_id: Option<String>,
    /// Explain every decision about every candidate.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = schema::Flag, required = false)]
    explain: bool,
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(serde::de::Error::custom(format!("{other:?} is neither true nor false"))),
    }
}

impl From<FeedParams> for FeedRequest {
    fn from(params: FeedParams) -> Self {
        Self {
            user_id: GivenId::Text(params.user),
            limit: params.limit,
            in_network_only: params.in_network_only,
            exclude_videos: params.exclude_videos,
            video_only: params.video_only,
            cursor: params.cursor,
            now: params.now,
            record: Some(params.record),
            request_id: params.request_id.unwrap_or_default(),
            explain: params.explain,
            ..Self::default()
        }
    }
}

/// A viewer's feed.
///
/// Nothing is recorded as served unless `record` is true.
#[utoipa::path(
    get, path = "/v1/feed", tag = "feed", operation_id = "look_at_feed", params(FeedParams),
    responses((status = 200, description = "The feed", body = FeedAnswer), Refused)
)]
pub(super) async fn get(
    State(served): State<Served<ForYou>>,
    method: Method,
    params: Result<Query<FeedParams>, QueryRejection>,
) -> Result<Json<FeedAnswer>, Problem> {
    let Query(mut params) = params.map_err(|e| bad_query(&e))?;
    params.record &= method != Method::HEAD;
    served.answer(params.into()).await
}

/// A viewer's feed, by a full query.
///
/// The posts count as served, and are not served again for a while, unless `record` is false or the request has its own `now`.
#[utoipa::path(
    post, path = "/v1/feed", tag = "feed", operation_id = "serve_feed", request_body = FeedRequest,
    responses((status = 200, description = "The feed", body = FeedAnswer), Refused)
)]
pub(super) async fn post(
    State(served): State<Served<ForYou>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<FeedAnswer>, Problem> {
    served.answer(read_request(body)?).await
}
