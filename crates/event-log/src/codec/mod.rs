//! The stored form of an event's body: a schema version, then a payload of that version.
//!
//! The version byte stands in the record's header, beside time, origin, topic and partition; the payload holds the event's id
//! and body. A version that was once written is read for ever: its decoder stays, with fixtures under `tests/fixtures/`.

mod v1;
pub(crate) mod varint;

use foryou_types::TimeMs;
use thiserror::Error;

use crate::event::{Event, Origin};

/// The version that [`encode`] writes.
pub const VERSION: u8 = 1;

/// A stored event that cannot be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CodecError {
    /// Written by a newer version of foryou, or damaged.
    #[error("schema version {0} of an event is not known here (newest: {VERSION})")]
    UnknownVersion(u8),
    /// The payload is not what its version says it is.
    #[error("stored event: {0}")]
    Payload(String),
}

/// Appends the length of the event's payload (as a varint) and the payload, in [`VERSION`].
///
/// Time and origin are the caller's to store.
pub fn encode(event: Event, out: &mut Vec<u8>) {
    v1::encode(event, out);
}

/// Reads a payload of a version, as it stands after its length.
pub fn decode(version: u8, at: TimeMs, origin: Origin, payload: &[u8]) -> Result<Event, CodecError> {
    match version {
        1 => v1::decode(at, origin, payload),
        unknown => Err(CodecError::UnknownVersion(unknown)),
    }
}
