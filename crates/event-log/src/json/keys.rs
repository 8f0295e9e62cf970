//! The types of events and their keys: one table, from which the decoder's checks, the schema and the reference are made.

use super::error::DecodeError;
use super::fields::Fields;
use crate::limits;

/// What the value of a key may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A user's id in the form of the profile, not 0.
    User,
    /// A post's id in the form of the profile, not 0.
    Post,
    /// A user's id; 0 means that there is no user.
    UserOrNone,
    /// A post's id; 0 means that there is no post.
    PostOrNone,
    /// A text of at most this many characters.
    Text(usize),
    /// A text of at most this many characters that is not blank.
    Name(usize),
    /// A text of 1 to this many characters, or an integer.
    EventId(usize),
    /// A whole number from 0 on.
    Count,
    /// A whole number below 2^32.
    SmallCount,
    /// Any number.
    Number,
    /// True or false.
    Flag,
    /// Unix milliseconds, or RFC 3339.
    Time,
    /// The name of an action of the profile.
    Action,
    /// The name of a product surface.
    Surface,
    /// The name of a kind of media.
    MediaKind,
    /// The version of the form.
    Version,
    /// At most this many numbers below 2^32.
    Numbers(usize),
    /// 1 to this many ids of posts.
    Posts(usize),
    /// At most this many objects with these keys.
    Objects(&'static [Key], usize),
}

/// A key of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub form: Form,
    /// Whether it is required. An optional key may be null.
    pub required: bool,
    /// What it means.
    pub about: &'static str,
}

/// A type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// The value of `type`.
    pub name: &'static str,
    /// What happened.
    pub about: &'static str,
    /// Its own keys; those of every event are [`COMMON_KEYS`].
    pub keys: &'static [Key],
    /// Two keys of which exactly one must be given; empty for types without such a choice.
    pub either: &'static [&'static str],
    /// An event of the type, as one line of a file.
    pub example: &'static str,
}

const fn must(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, required: true, about }
}

const fn may(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, required: false, about }
}

/// The keys that every event has in addition to `type`.
pub const COMMON_KEYS: &[Key] = &[
    may("at", Form::Time, "When it happened; now for a live event without it"),
    may("id", Form::EventId(limits::EVENT_ID), "The sender's own id of the event: the same id twice is one event"),
    may("v", Form::Version, "Version of this form"),
];

const USER: Key = must("user_id", Form::User, "Who");
const POST: Key = must("post_id", Form::Post, "The post");
const REQUEST: &str = "The request that served the posts";

const MEDIA: &[Key] = &[
    must("kind", Form::MediaKind, "What it is"),
    may("duration_ms", Form::SmallCount, "Length of a video, in milliseconds"),
];
const SERVED_POST: &[Key] = &[
    POST,
    must("position", Form::SmallCount, "Its place, from 0"),
    must("score", Form::Number, "Its final score"),
    must("source", Form::Text(limits::SOURCE), "The source that gave it"),
];
const NEW_POST: &[Key] = &[
    POST,
    may("author_id", Form::UserOrNone, "Who posted it"),
    may("text", Form::Text(limits::TEXT), "Its text"),
    may("title", Form::Text(limits::TITLE), "Its title"),
    may("language", Form::Text(limits::LANGUAGE), "Its language, as a BCP 47 tag"),
    may("country", Form::Text(limits::COUNTRY), "Its country, as ISO 3166-1 alpha-2"),
    may("media", Form::Objects(MEDIA, limits::MEDIA), "Its photos and videos"),
    may("in_reply_to_post_id", Form::PostOrNone, "The post that it answers"),
    may("in_reply_to_user_id", Form::UserOrNone, "The author of the post that it answers"),
    may("conversation_id", Form::PostOrNone, "The first post of its thread"),
    may("source_post_id", Form::PostOrNone, "The post that it reposts"),
    may("source_user_id", Form::UserOrNone, "The author of the post that it reposts"),
    may("quoted_post_id", Form::PostOrNone, "The post that it quotes"),
    may("quoted_user_id", Form::UserOrNone, "The author of the post that it quotes"),
    may("subscription_author_id", Form::UserOrNone, "Only subscribers of this author may see it"),
    may("topics", Form::Numbers(limits::TOPICS), "Its topics, by number"),
];
const EDGE: &[Key] = &[USER, must("target_id", Form::User, "The person; not the same as `user_id`")];
const KEYWORD: &[Key] = &[USER, must("keyword", Form::Name(limits::KEYWORD), "The word or phrase")];
const PROFILE: &[Key] = &[
    USER,
    may("screen_name", Form::Text(limits::SCREEN_NAME), "The name shown"),
    may("followers", Form::Count, "Followers, as the platform counts them"),
    may("verified", Form::Flag, "Verified"),
    may("protected", Form::Flag, "Only followers see this person's posts"),
    may("suspended", Form::Flag, "Suspended by the platform"),
    may("country", Form::Text(limits::COUNTRY), "Country, as ISO 3166-1 alpha-2"),
    may("language", Form::Text(limits::LANGUAGE), "Language, as a BCP 47 tag"),
    may("created_at", Form::Time, "When the account was made"),
];
const ACTION: &[Key] = &[
    USER,
    POST,
    must("action", Form::Action, "What the person did"),
    may("dwell_ms", Form::SmallCount, "Attention, in milliseconds"),
    may("surface", Form::Surface, "Where in the product"),
    may("client_app", Form::SmallCount, "With which app"),
    may("undo", Form::Flag, "The action was taken back"),
];
const IMPRESSION: &[Key] = &[
    USER,
    must("post_ids", Form::Posts(limits::POSTS), "What was shown, top first"),
    may("request_id", Form::Text(limits::REQUEST_ID), REQUEST),
    may("surface", Form::Surface, "Where in the product"),
    may("client_app", Form::SmallCount, "With which app"),
];
const SERVED: &[Key] = &[
    must("request_id", Form::Name(limits::REQUEST_ID), REQUEST),
    USER,
    must("posts", Form::Objects(SERVED_POST, limits::POSTS), "What was served, top first"),
    may("model", Form::Text(limits::MODEL), "The model version that ranked them"),
];
const LABEL: &[Key] = &[
    may("post_id", Form::Post, "The post that is labelled; this or `user_id`"),
    may("user_id", Form::User, "The person who is labelled; this or `post_id`"),
    must("label", Form::Name(limits::LABEL), "The label (`spam`, `abuse`, ...)"),
    may("until", Form::Time, "When it ends; never when absent"),
];

const fn event(name: &'static str, about: &'static str, keys: &'static [Key], example: &'static str) -> EventType {
    EventType { name, about, keys, either: &[], example }
}

/// Every type that can be sent or imported.
pub const EVENT_TYPES: [EventType; 17] = [
    event(
        "post",
        "A post, reply, repost or quote",
        NEW_POST,
        r#"{"type": "post", "at": 1785000000000, "post_id": "10", "author_id": "2", "text": "The tulips are out", "topics": [3]}"#,
    ),
    event("delete", "A post was deleted", &[POST], r#"{"type": "delete", "at": 1785000000000, "post_id": "10"}"#),
    event(
        "follow",
        "`user_id` follows `target_id`",
        EDGE,
        r#"{"type": "follow", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    ),
    event(
        "unfollow",
        "`user_id` no longer follows `target_id`",
        EDGE,
        r#"{"type": "unfollow", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    ),
    event(
        "block",
        "`user_id` blocks `target_id`",
        EDGE,
        r#"{"type": "block", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    ),
    event(
        "unblock",
        "`user_id` no longer blocks `target_id`",
        EDGE,
        r#"{"type": "unblock", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    ),
    event(
        "mute",
        "`user_id` mutes `target_id`",
        EDGE,
        r#"{"type": "mute", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    ),
    event(
        "unmute",
        "`user_id` no longer mutes `target_id`",
        EDGE,
        r#"{"type": "unmute", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    ),
    event(
        "subscribe",
        "`user_id` pays for the posts that only subscribers of `target_id` see",
        EDGE,
        r#"{"type": "subscribe", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    ),
    event(
        "unsubscribe",
        "`user_id` no longer pays for them",
        EDGE,
        r#"{"type": "unsubscribe", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    ),
    event(
        "mute_keyword",
        "A word or phrase that the person does not want to read",
        KEYWORD,
        r#"{"type": "mute_keyword", "at": 1785000000000, "user_id": "1", "keyword": "spoiler"}"#,
    ),
    event(
        "unmute_keyword",
        "The word or phrase is no longer muted",
        KEYWORD,
        r#"{"type": "unmute_keyword", "at": 1785000000000, "user_id": "1", "keyword": "spoiler"}"#,
    ),
    event(
        "profile",
        "A person's profile; a key that is absent keeps its value",
        PROFILE,
        r#"{"type": "profile", "at": 1785000000000, "user_id": "1", "screen_name": "garden_1", "followers": 21}"#,
    ),
    event(
        "action",
        "A person acted on a post",
        ACTION,
        r#"{"type": "action", "at": 1785000000000, "user_id": "1", "post_id": "10", "action": "favorite"}"#,
    ),
    event(
        "impression",
        "Posts were shown to a person",
        IMPRESSION,
        r#"{"type": "impression", "at": 1785000000000, "user_id": "1", "post_ids": ["10", "11"]}"#,
    ),
    event(
        "served",
        "Posts were served to a person: written by the service itself, in files only",
        SERVED,
        r#"{"type": "served", "at": 1785000000000, "request_id": "r-1", "user_id": "1", "posts": [{"post_id": "10", "position": 0, "score": 0.5, "source": "thunder"}]}"#,
    ),
    EventType {
        either: &["post_id", "user_id"],
        ..event(
            "label",
            "A post or a person was labelled",
            LABEL,
            r#"{"type": "label", "at": 1785000000000, "post_id": "10", "label": "spam"}"#,
        )
    },
];

impl EventType {
    /// The type of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        const TYPES: &[EventType] = &EVENT_TYPES;
        TYPES.iter().find(|event| event.name == name)
    }

    /// Refuses keys that the type does not have, and values that are too long.
    pub(super) fn check(&self, fields: &Fields) -> Result<(), DecodeError> {
        check(fields, &[COMMON_KEYS, self.keys], self.name)
    }
}

fn check(fields: &Fields, known: &[&[Key]], what: &str) -> Result<(), DecodeError> {
    for (name, value) in fields.entries() {
        let Some(key) = known.iter().copied().flatten().find(|key| key.name == name) else {
            return Err(fields.error(name, format!("is not a key of {what}")));
        };
        let text = |most| limits::too_long(value.as_str()?, most);
        let list = |most| limits::too_many(value.as_array()?.len(), most);
        let problem = match key.form {
            Form::Text(most) | Form::Name(most) | Form::EventId(most) => text(most),
            Form::Numbers(most) | Form::Posts(most) | Form::Objects(_, most) => list(most),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(fields.error(name, problem));
        }
    }
    Ok(())
}

/// The keys of a media entity, checked as those of an event are.
pub(super) fn check_media(fields: &Fields) -> Result<(), DecodeError> {
    check(fields, &[MEDIA], "a media entity")
}

/// The keys of a served post, checked as those of an event are.
pub(super) fn check_served_post(fields: &Fields) -> Result<(), DecodeError> {
    check(fields, &[SERVED_POST], "a served post")
}
