//! The JSON form of events in files, REST and on the command line: one object each.
//!
//! Common keys: `type`, `at` (Unix milliseconds or RFC 3339), `id` (the same id twice is one event), `v` (version of this form,
//! 1 when absent). Ids of users and posts are strings or integers in the form of the profile; they are printed as strings. Times
//! are printed as integers, or as RFC 3339 if the integer would be mistaken for another unit. A key that is `null` is absent; an unknown
//! key is an error.

mod decode;
mod draft;
mod encode;
mod error;
mod fields;
mod keys;
mod schema;
#[cfg(test)]
mod tests;
mod words;

pub use decode::{EventDecoder, check_time, read_time};
pub use draft::EventDraft;
pub use encode::event_to_json;
pub use error::DecodeError;
pub use keys::{COMMON_KEYS, EVENT_TYPES, EventType, Form, Key};
pub use schema::{event_schemas, id_schema};

use foryou_types::Surface;

use crate::event::{EdgeKind, MediaKind};

/// The newest version of the form that is read, and the one that is written.
const VERSION: u64 = 1;

/// The types of edges: name, kind, and whether the edge is added (or removed).
const EDGES: [(&str, EdgeKind, bool); 8] = [
    ("follow", EdgeKind::Follow, true),
    ("unfollow", EdgeKind::Follow, false),
    ("block", EdgeKind::Block, true),
    ("unblock", EdgeKind::Block, false),
    ("mute", EdgeKind::Mute, true),
    ("unmute", EdgeKind::Mute, false),
    ("subscribe", EdgeKind::Subscribe, true),
    ("unsubscribe", EdgeKind::Subscribe, false),
];

const MEDIA_KINDS: [(&str, MediaKind); 3] =
    [("photo", MediaKind::Photo), ("video", MediaKind::Video), ("gif", MediaKind::Gif)];

const SURFACES: [(&str, Surface); 12] = [
    ("unknown", Surface::Unknown),
    ("home", Surface::Home),
    ("following", Surface::Following),
    ("search", Surface::Search),
    ("profile", Surface::Profile),
    ("notifications", Surface::Notifications),
    ("detail", Surface::Detail),
    ("list", Surface::List),
    ("community", Surface::Community),
    ("explore", Surface::Explore),
    ("video", Surface::Video),
    ("external", Surface::External),
];
