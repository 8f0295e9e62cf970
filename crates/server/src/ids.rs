//! Ids as the folder's data set writes them.

use std::fmt;

use event_log::{EventLog, NameAllocator};
use foryou_types::{IdError, Namespace, PostId, Profile, UserId};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An id as a caller gave it: a JSON string or integer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "42")]
pub struct IdText(pub String);

impl<'de> Deserialize<'de> for IdText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = IdText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a string or a 64-bit integer")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<IdText, E> {
                Ok(IdText(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<IdText, E> {
                Ok(IdText(n.to_string()))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<IdText, E> {
                Ok(IdText(n.to_string()))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// Reads and prints the ids of one folder.
#[derive(Clone, Copy)]
pub struct Ids<'a> {
    profile: &'a Profile,
    log: &'a dyn EventLog,
}

impl<'a> Ids<'a> {
    /// The ids of a folder with this profile, whose dictionary the log keeps.
    pub fn new(profile: &'a Profile, log: &'a dyn EventLog) -> Self {
        Self { profile, log }
    }

    /// Reads a user id.
    pub fn user(&self, text: &str) -> Result<UserId, IdError> {
        self.profile.ids.users.parse(Namespace::Users, text, self.log).map(UserId)
    }

    /// The number that a string which the dictionary does not hold would get as a user: nobody has it yet.
    pub fn stranger(&self, text: &str) -> UserId {
        UserId(NameAllocator::new(self.log).number(Namespace::Users, text))
    }

    /// Whether the dictionary does not hold a user.
    pub fn is_stranger(&self, text: &str) -> bool {
        matches!(self.user(text), Err(IdError::Unknown { .. }))
    }

    /// Reads a post id.
    pub fn post(&self, text: &str) -> Result<PostId, IdError> {
        self.profile.ids.posts.parse(Namespace::Posts, text, self.log).map(PostId)
    }

    /// Prints a user id, `None` for none.
    pub fn print_user(&self, id: UserId) -> Option<String> {
        id.some().map(|id| self.profile.ids.users.print(Namespace::Users, id.0, self.log))
    }

    /// Prints a post id.
    pub fn print_post(&self, id: PostId) -> String {
        self.profile.ids.posts.print(Namespace::Posts, id.0, self.log)
    }
}
