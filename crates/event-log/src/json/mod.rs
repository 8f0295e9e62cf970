//! The JSON form of events, as files, REST and the command line have it: one object each.
//!
//! Common keys: `type`, `at` (Unix milliseconds or RFC 3339), `id` (the same id twice is one event), `v` (version of this form,
//! 1 when absent). Ids of users and posts are strings or integers in the form of the profile; they are printed as strings. Times
//! are printed as integers, and as RFC 3339 where an integer would be taken for another unit. A key that is `null` is absent; a key that the event does not have is an error.

mod decode;
mod encode;
mod error;
mod fields;
#[cfg(test)]
mod tests;

pub use decode::EventDecoder;
pub use encode::event_to_json;
pub use error::DecodeError;

use foryou_types::Surface;

use crate::event::{EdgeKind, MediaKind};

/// The newest version of the form that is read, and the one that is written.
pub const VERSION: u64 = 1;

/// Every type that can be sent.
pub(crate) const TYPES: [&str; 17] = [
    "post",
    "delete",
    "follow",
    "unfollow",
    "block",
    "unblock",
    "mute",
    "unmute",
    "subscribe",
    "unsubscribe",
    "mute_keyword",
    "unmute_keyword",
    "profile",
    "action",
    "impression",
    "served",
    "label",
];

/// The types of edges: name, kind, and whether the edge comes.
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
