//! An event as the sender wrote it.

use serde_json::Value;

use super::error::DecodeError;
use super::fields::Fields;

/// The keys and values of an event before decoding: JSON and gRPC both give drafts to the
/// [`EventDecoder`](super::EventDecoder).
///
/// ```
/// use event_log::{EventDecoder, EventDraft};
/// use foryou_types::NoNames;
/// use foryou_types::{Profile, TimeMs};
///
/// let mut draft = EventDraft::new("follow");
/// draft.put("user_id", 7);
/// draft.put("target_id", "8");
/// let profile = Profile::live();
/// let mut decoder = EventDecoder::new(&profile, &NoNames, TimeMs(1_700_000_000_000));
/// assert_eq!(
///     decoder.decode_draft(draft)?,
///     decoder.decode(r#"{"type": "follow", "user_id": "7", "target_id": 8}"#)?,
/// );
/// # Ok::<(), event_log::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct EventDraft(pub(super) Fields);

impl EventDraft {
    /// An event of a type, without keys.
    pub fn new(kind: &str) -> Self {
        let mut draft = Self(Fields::default());
        draft.put("type", kind);
        draft
    }

    /// Reads a JSON object.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        Fields::parse(text).map(Self)
    }

    /// Adds a key; each must be added once.
    pub fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.put(key, value.into());
    }

    /// Adds a key if it has a value.
    pub fn put_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }
}
