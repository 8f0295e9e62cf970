//! Ids as the folder's data set writes them.

use std::fmt;

use event_log::{NameAllocator, limits};
use foryou_types::{Dictionary, IdError, IdForm, Namespace, PostId, Profile, UserId};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// An id as a caller gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenId {
    /// As the folder prints it: a JSON string or integer.
    Text(String),
    /// As a number, which gRPC carries.
    Number(u64),
}

impl Default for GivenId {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<String> for GivenId {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<'de> Deserialize<'de> for GivenId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = GivenId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a string or a 64-bit integer")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<GivenId, E> {
                Ok(GivenId::Text(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<GivenId, E> {
                Ok(GivenId::Text(n.to_string()))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<GivenId, E> {
                Ok(GivenId::Text(n.to_string()))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// A viewer, looked up once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The number.
    pub id: UserId,
    /// The id as the folder prints it.
    pub printed: String,
    /// Whether the viewer is missing from the dictionary: a new one without a number.
    pub stranger: bool,
}

/// Reads and prints the ids of one folder.
#[derive(Clone, Copy)]
pub struct Ids<'a> {
    profile: &'a Profile,
    names: &'a dyn Dictionary,
}

impl<'a> Ids<'a> {
    /// The ids of a folder with this profile and this dictionary.
    pub fn new(profile: &'a Profile, names: &'a dyn Dictionary) -> Self {
        Self { profile, names }
    }

    /// Looks a viewer up. A viewer that is missing from the dictionary is treated as one without history.
    pub fn viewer(&self, given: &GivenId) -> Result<Viewer, String> {
        let form = self.profile.ids.users;
        match given {
            GivenId::Text(text) if text.is_empty() => Err("is missing: name the viewer".to_owned()),
            GivenId::Number(0) => Err("must not be 0".to_owned()),
            GivenId::Number(number) if form == IdForm::Dictionary => {
                let name = self.names.name_of(Namespace::Users, *number);
                let stranger = name.is_none();
                let printed = name.unwrap_or_else(|| format!("#{number}"));
                Ok(Viewer { id: UserId(*number), printed, stranger })
            }
            GivenId::Number(number) => Ok(self.numbered(*number)),
            GivenId::Text(text) => {
                if let Some(problem) = limits::too_long(text, limits::ID) {
                    return Err(problem);
                }
                match form.parse(Namespace::Users, text, self.names) {
                    Ok(0) => Err("must not be 0".to_owned()),
                    Ok(id) if form == IdForm::Dictionary => {
                        Ok(Viewer { id: UserId(id), printed: text.clone(), stranger: false })
                    }
                    Ok(id) => Ok(self.numbered(id)),
                    Err(IdError::Unknown { .. }) => {
                        let id = UserId(NameAllocator::new(self.names).number(Namespace::Users, text));
                        Ok(Viewer { id, printed: text.clone(), stranger: true })
                    }
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }

    fn numbered(&self, id: u64) -> Viewer {
        Viewer {
            id: UserId(id),
            printed: self.profile.ids.users.print(Namespace::Users, id, self.names),
            stranger: false,
        }
    }

    /// Looks a post up; `None` for one that is missing from the dictionary, since no feed can hold it.
    pub fn post(&self, given: &GivenId) -> Result<Option<PostId>, String> {
        let text = match given {
            GivenId::Number(number) => return Ok(PostId(*number).some()),
            GivenId::Text(text) => text,
        };
        if let Some(problem) = limits::too_long(text, limits::ID) {
            return Err(problem);
        }
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        match self.profile.ids.posts.parse(Namespace::Posts, text, self.names) {
            Ok(0) => Err("must not be 0".to_owned()),
            Ok(id) => Ok(Some(PostId(id))),
            Err(IdError::Unknown { .. }) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Prints a user id; `None` for [`UserId::NONE`].
    pub fn print_user(&self, id: UserId) -> Option<String> {
        id.some().map(|id| self.profile.ids.users.print(Namespace::Users, id.0, self.names))
    }

    /// Prints a post id.
    pub fn print_post(&self, id: PostId) -> String {
        self.profile.ids.posts.print(Namespace::Posts, id.0, self.names)
    }
}

#[cfg(test)]
mod tests {
    use event_log::MemoryLog;
    use proptest::prelude::*;

    use super::*;

    fn with_ids<T>(form: IdForm, look: impl FnOnce(Ids<'_>) -> T) -> T {
        let mut profile = Profile::live();
        (profile.ids.users, profile.ids.posts) = (form, form);
        look(Ids::new(&profile, &MemoryLog::default()))
    }

    proptest! {
        #[test]
        fn what_is_printed_can_be_read(id in 1u64.., signed in any::<bool>()) {
            let form = if signed { IdForm::Signed } else { IdForm::Unsigned };
            with_ids(form, |ids| {
                let printed = ids.print_post(PostId(id));
                prop_assert_eq!(ids.post(&GivenId::Text(printed)), Ok(Some(PostId(id))));
                let viewer = ids.viewer(&GivenId::Text(ids.print_user(UserId(id)).unwrap())).unwrap();
                prop_assert_eq!((viewer.id, viewer.stranger), (UserId(id), false));
                prop_assert_eq!(ids.viewer(&GivenId::Number(id)), Ok(viewer));
                Ok(())
            })?;
        }

        #[test]
        fn any_text_is_an_id_or_refused_in_words(text in "\\PC{0,300}", dictionary in any::<bool>()) {
            let form = if dictionary { IdForm::Dictionary } else { IdForm::Unsigned };
            with_ids(form, |ids| {
                let given = GivenId::Text(text.clone());
                match ids.viewer(&given) {
                    Ok(viewer) => prop_assert!(viewer.id.is_some() && (!dictionary || viewer.printed == text)),
                    Err(problem) => prop_assert!(!problem.is_empty()),
                }
                if let Ok(Some(post)) = ids.post(&given) {
                    prop_assert_eq!(ids.post(&GivenId::Text(ids.print_post(post))), Ok(Some(post)));
                }
                Ok(())
            })?;
        }
    }

    #[test]
    fn json_carries_ids_as_text_or_numbers() {
        let read = |json: &str| serde_json::from_str::<GivenId>(json).map_err(|e| e.to_string());
        assert_eq!(read("\"-7\""), Ok(GivenId::Text("-7".to_owned())));
        assert_eq!(read("-7"), Ok(GivenId::Text("-7".to_owned())));
        assert_eq!(read("18446744073709551615"), Ok(GivenId::Text(u64::MAX.to_string())));
        assert!(read("1.5").is_err() && read("null").is_err());
    }
}
