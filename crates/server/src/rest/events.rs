//! `POST /v1/events`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::app::{App, AppendOutcome};
use crate::problem::Problem;
use crate::rest::MAX_BODY;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// Takes a batch of events; each is applied wholly or not at all.
#[utoipa::path(
    post, path = "/v1/events", tag = "events",
    request_body(content = Object, description = "`{\"events\": [...]}`, at most 10,000 events or 16 MiB; see the README for the forms of events"),
    responses(
        (status = 200, description = "What became of them", body = AppendOutcome),
        (status = 400, description = "The body is no such document", body = Problem),
        (status = 413, description = "Too many events or bytes", body = Problem),
    )
)]
pub(super) async fn append(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<AppendOutcome>, Problem> {
    let body = body.map_err(|e| match e.status().as_u16() {
        413 => Problem::too_large(format!("the body is over {} MiB: send fewer events at once", MAX_BODY >> 20)),
        _ => Problem::bad_request(e.to_string()),
    })?;
    let text = std::str::from_utf8(&body).map_err(|e| Problem::bad_request(format!("the body is not UTF-8: {e}")))?;
    let body: Body<'_> = serde_json::from_str(text)
        .map_err(|e| Problem::bad_request(format!("the body is no {{\"events\": [...]}}: {e}")))?;
    let events = body.events.into_iter().map(|raw| raw.get().to_owned()).collect();
    app.append(events).await.map(Json)
}
