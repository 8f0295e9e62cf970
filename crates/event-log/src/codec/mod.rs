//! The stored form of an event's body: a schema version, then a payload of that version.
//!
//! The version byte is in the record's header, with time, origin, topic and partition; the payload holds the event's id and body.
//! A version that was once written stays readable for ever: its decoder stays, with fixtures under `tests/fixtures/`.

mod v1;

use foryou_types::TimeMs;
use thiserror::Error;

use crate::event::{Event, Origin};

/// The version that is written.
pub const VERSION: u8 = 1;

/// A stored event that cannot be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CodecError {
    /// Written by a newer version of foryou, or damaged.
    #[error("the event has schema version {0}, which this program does not know (newest: {VERSION}); use a newer one")]
    UnknownVersion(u8),
    /// The payload does not have the form of its version.
    #[error("stored event: {0}")]
    Payload(String),
}

/// The stored form of an event's id and body in [`VERSION`]: the version, then the payload. Time and origin are stored separately.
pub fn to_bytes(event: Event) -> Vec<u8> {
    let mut out = vec![VERSION];
    v1::encode(event, &mut out);
    out
}

/// Reads what [`to_bytes`] wrote, in this version or an older one.
pub fn from_bytes(at: TimeMs, origin: Origin, bytes: &[u8]) -> Result<Event, CodecError> {
    let (&version, payload) = bytes.split_first().ok_or_else(|| CodecError::Payload("no bytes".to_owned()))?;
    decode(version, at, origin, payload)
}

/// Appends the length of the event's payload (as a varint) and the payload.
pub(crate) fn encode_with_length(event: Event, out: &mut Vec<u8>) {
    v1::encode_with_length(event, out);
}

/// Reads a payload of a version.
pub(crate) fn decode(version: u8, at: TimeMs, origin: Origin, payload: &[u8]) -> Result<Event, CodecError> {
    match version {
        1 => v1::decode(at, origin, payload),
        unknown => Err(CodecError::UnknownVersion(unknown)),
    }
}
