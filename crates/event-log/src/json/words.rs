//! What the value of a key may be, in words: for references that people read.

use foryou_types::{IdForm, Namespace, Profile};

use super::keys::{Form, Key};
use super::{MEDIA_KINDS, SURFACES, VERSION};

impl Form {
    /// What a value of this form may be in a folder with this profile, as Markdown.
    pub fn in_words(self, profile: &Profile) -> String {
        match self {
            Self::User => id(profile, Namespace::Users, "a person"),
            Self::Post => id(profile, Namespace::Posts, "a post"),
            Self::UserOrNone => or_none(id(profile, Namespace::Users, "a person"), profile.ids.users),
            Self::PostOrNone => or_none(id(profile, Namespace::Posts, "a post"), profile.ids.posts),
            Self::Text(most) => format!("text of at most {most} characters"),
            Self::Name(most) => format!("text of at most {most} characters, not blank"),
            Self::EventId(most) => format!("text of 1 to {most} characters, or an integer"),
            Self::Count => "whole number from 0".to_owned(),
            Self::SmallCount => format!("whole number from 0 to {}", u32::MAX),
            Self::Number => "number".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Time => "Unix milliseconds or RFC 3339".to_owned(),
            Self::Action => one_of(profile.action_set.actions.iter().map(|action| action.name.as_str())),
            Self::Surface => one_of(SURFACES.iter().map(|(name, _)| *name)),
            Self::MediaKind => one_of(MEDIA_KINDS.iter().map(|(name, _)| *name)),
            Self::Version => format!("`{VERSION}`"),
            Self::Numbers(most) => format!("list of at most {most} whole numbers from 0 to {}", u32::MAX),
            Self::Posts(most) => format!("list of 1 to {most} ids of posts"),
            Self::Objects(keys, most) => {
                let keys: Vec<_> = keys.iter().map(|key| nested(key, profile)).collect();
                format!("list of at most {most} objects with {}", keys.join(", "))
            }
        }
    }
}

fn nested(key: &Key, profile: &Profile) -> String {
    let need = if key.required { "" } else { ", optional" };
    format!("`{}` ({}{need})", key.name, key.form.in_words(profile))
}

fn id(profile: &Profile, namespace: Namespace, whose: &str) -> String {
    let form = match profile.id_form(namespace) {
        IdForm::Dictionary => "text or integer",
        IdForm::Unsigned => "number from 1 to 2^64 - 1",
        IdForm::Signed => "number from -2^63 to 2^63 - 1, not 0",
    };
    format!("id of {whose}: {form}")
}

fn or_none(id: String, form: IdForm) -> String {
    match form {
        IdForm::Dictionary => id,
        IdForm::Unsigned | IdForm::Signed => format!("{id}; 0 counts as absent"),
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    format!("one of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use foryou_types::{NoNames, TimeMs};

    use super::*;
    use crate::json::{COMMON_KEYS, EVENT_TYPES, EventDecoder};

    #[test]
    fn every_example_is_an_event_of_its_type() {
        let profile = Profile::live();
        for event in &EVENT_TYPES {
            let read: serde_json::Value = serde_json::from_str(event.example).unwrap();
            assert_eq!(read["type"], event.name);
            EventDecoder::for_import(&profile, &NoNames, TimeMs::default()).decode(event.example).unwrap();
        }
    }

    #[test]
    fn words_name_the_profile_s_actions_and_ids() {
        let mut profile = Profile::live();
        profile.action_set.actions.truncate(2);
        profile.ids.posts = IdForm::Signed;
        assert_eq!(Form::Action.in_words(&profile), "one of `favorite`, `reply`");
        assert_eq!(Form::Post.in_words(&profile), "id of a post: number from -2^63 to 2^63 - 1, not 0");
        let all = EVENT_TYPES.iter().flat_map(|event| event.keys).chain(COMMON_KEYS);
        assert!(all.clone().all(|key| !key.form.in_words(&profile).is_empty() && !key.about.is_empty()));
    }
}
