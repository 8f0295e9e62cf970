//! A moment in a request.

use foryou_types::TimeMs;
use serde::Deserialize;

use crate::ids::GivenId;

/// A moment as a caller gave it: Unix milliseconds or RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeText(pub TimeMs);

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let GivenId::Text(text) = GivenId::deserialize(deserializer)? else {
            return Err(serde::de::Error::custom("a time is a string or an integer"));
        };
        event_log::read_time(&text).map(TimeText).map_err(serde::de::Error::custom)
    }
}
