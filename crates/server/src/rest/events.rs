//! `POST /v1/events`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use event_log::EventDraft;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Refused, read_body};
use crate::app::App;
use crate::append::{AppendOutcome, SentEvent};
use crate::problem::Problem;
use crate::{limits, schema};

/// A batch of events.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventBatch<'a> {
    /// The events, in the order in which they happened.
    #[serde(borrow)]
    #[schema(schema_with = schema::sent_events)]
    events: Vec<&'a RawValue>,
}

/// Takes a batch of events.
///
/// Each event is applied wholly or not at all, and the good ones of a batch are kept: an event that does not fit its schema, or
/// cannot be applied, is in `rejected` with the reason. The whole request is refused only where the body is not of this form.
#[utoipa::path(
    post, path = "/v1/events", tag = "events", operation_id = "append_events",
    request_body = inline(EventBatch<'static>),
    responses((status = 200, description = "How many events were taken, and why others were not", body = AppendOutcome), Refused)
)]
pub(super) async fn append(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<AppendOutcome>, Problem> {
    let body = read_body(body)?;
    app.append(move |_| read(&body)).await.map(Json)
}

fn read(body: &[u8]) -> Result<Vec<SentEvent>, Problem> {
    let text = std::str::from_utf8(body).map_err(|e| Problem::bad_request(format!("the body is not UTF-8: {e}")))?;
    let batch: EventBatch<'_> = serde_json::from_str(text)
        .map_err(|e| Problem::bad_request(format!("the body is not of the form {{\"events\": [...]}}: {e}")))?;
    check_number(batch.events.len())?;
    Ok(batch.events.into_iter().map(|event| EventDraft::parse(event.get())).collect())
}

/// Refuses a batch of too many events.
pub(crate) fn check_number(events: usize) -> Result<(), Problem> {
    if events > limits::EVENTS {
        let problem = format!("has {events} events: send at most {} at once", limits::EVENTS);
        return Err(Problem::too_large(problem));
    }
    Ok(())
}
