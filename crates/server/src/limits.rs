//! The limits of requests and answers: the numbers that the code enforces and the schema states.
//!
//! The limits of events are in [`event_log::limits`]. Lengths of strings are counted in characters, as JSON Schema does.

use event_log::limits;

use crate::problem::Problem;

/// Most events in one request.
pub const EVENTS: usize = 10_000;
/// Most bytes in a request body.
pub const BODY_BYTES: usize = 16 << 20;
/// Most items in a feed.
pub const FEED: usize = mixer_kit::MAX_RESULT_SIZE;
/// Most bytes of the reasons in a gRPC answer to a batch of events: 4 MiB is what clients take unless told otherwise.
pub const ANSWER_REASONS_BYTES: usize = 3 << 20;

/// Refuses a string of more than `most` characters.
pub fn text(field: &str, value: &str, most: usize) -> Result<(), Problem> {
    limits::too_long(value, most).map_or(Ok(()), |problem| Err(Problem::field(field, problem)))
}

/// Refuses a list of more than `most` entries.
pub fn list<T>(field: &str, entries: &[T], most: usize) -> Result<(), Problem> {
    limits::too_many(entries.len(), most).map_or(Ok(()), |problem| Err(Problem::field(field, problem)))
}

/// Refuses a request id that is too long, or that cannot be put into a header or a log line.
pub fn check_request_id(field: &str, id: &str) -> Result<(), Problem> {
    text(field, id, event_log::limits::REQUEST_ID)?;
    if id.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Problem::field(field, "must consist of visible ASCII characters"))
}
