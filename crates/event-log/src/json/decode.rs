//! From JSON to events.

use std::ops::RangeInclusive;

use foryou_types::{ActionKind, Dictionary, IdForm, Namespace, PostId, Profile, TimeMs, UserId};
use serde_json::Value;

use super::draft::EventDraft;
use super::error::DecodeError;
use super::fields::{Fields, describe};
use super::keys::{self, EVENT_TYPES, EventType};
use super::{EDGES, MEDIA_KINDS, SURFACES, VERSION};
use crate::event::{
    ActionEvent, EdgeEvent, Event, EventBody, ImpressionEvent, LabelEvent, LabelTarget, Media, Origin, PostEvent,
    ProfileEvent, ServedEvent, ServedPost,
};
use crate::limits;
use crate::names::NameAllocator;

/// Reads events as they are sent to a folder with a profile.
///
/// One decoder serves one batch (or one import): strings that are new to the dictionary get their numbers here, and
/// [`Self::take_new_names`] returns the events that must precede the batch. A refused event leaves no names behind.
///
/// ```
/// use event_log::{EventBody, EventDecoder};
/// use foryou_types::NoNames;
/// use foryou_types::{Profile, TimeMs, UserId};
///
/// let profile = Profile::live();
/// let mut decoder = EventDecoder::new(&profile, &NoNames, TimeMs(1_700_000_000_000));
/// let event = decoder.decode(r#"{"type": "follow", "user_id": "7", "target_id": 8}"#)?;
/// assert_eq!(event.at, TimeMs(1_700_000_000_000));
/// assert!(matches!(event.body, EventBody::Edge(edge) if edge.user_id == UserId(7) && edge.added));
///
/// let error = decoder.decode(r#"{"type": "follow", "user_id": 0, "target_id": 8}"#).unwrap_err();
/// assert_eq!(error.to_string(), "user_id: must not be 0");
/// # Ok::<(), event_log::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct EventDecoder<'a> {
    profile: &'a Profile,
    names: NameAllocator<'a>,
    now: TimeMs,
    origin: Origin,
}

impl<'a> EventDecoder<'a> {
    /// A decoder of live events: those without a time happened `now`, and `served` is refused (the server writes it itself).
    pub fn new(profile: &'a Profile, names: &'a dyn Dictionary, now: TimeMs) -> Self {
        Self { profile, names: NameAllocator::new(names), now, origin: Origin::Live }
    }

    /// A decoder of a file's events: each needs its time, and `served` is taken, as the record of the server that wrote it
    /// ([`Origin::Server`], which moves no log clock).
    pub fn for_import(profile: &'a Profile, names: &'a dyn Dictionary, now: TimeMs) -> Self {
        Self { origin: Origin::Import, ..Self::new(profile, names, now) }
    }

    /// Reads one event.
    pub fn decode(&mut self, text: &str) -> Result<Event, DecodeError> {
        self.decode_draft(EventDraft::parse(text)?)
    }

    /// Reads one event that was parsed already.
    pub fn decode_value(&mut self, value: Value) -> Result<Event, DecodeError> {
        self.decode_draft(EventDraft(Fields::of(value)?))
    }

    /// Reads one event that a transport has already parsed.
    pub fn decode_draft(&mut self, draft: EventDraft) -> Result<Event, DecodeError> {
        let mark = self.names.mark();
        let decoded = self.event(draft.0);
        if decoded.is_err() {
            self.names.roll_back(mark);
        }
        decoded
    }

    /// The strings that got a number since the last call, as events to put in front of the batch that uses them.
    pub fn take_new_names(&mut self) -> Vec<Event> {
        self.names.take_new(self.now, self.origin)
    }

    fn event(&mut self, mut fields: Fields) -> Result<Event, DecodeError> {
        if let Some(version) = fields.take("v")
            && version.as_u64() != Some(VERSION)
        {
            let problem = format!("version {} of events is not known (newest: {VERSION})", describe(&version));
            return Err(fields.error("v", problem));
        }
        let kind = fields.require("type")?;
        let unknown = || {
            let names = EVENT_TYPES.map(|event| event.name).join(", ");
            DecodeError::key("type", format!("{} is not one of {names}", describe(&kind)))
        };
        let event_type = kind.as_str().and_then(EventType::named).ok_or_else(unknown)?;
        event_type.check(&fields)?;
        let kind = event_type.name;
        let at = time(&mut fields, "at")?;
        let id = event_id(&mut fields)?;
        let f = &mut fields;
        let body = match kind {
            "post" => EventBody::Post(Box::new(self.post(f)?)),
            "delete" => EventBody::Delete { post_id: self.post_id(f, "post_id")? },
            "mute_keyword" | "unmute_keyword" => EventBody::MuteKeyword {
                user_id: self.user_id(f, "user_id")?,
                keyword: f.required_text("keyword")?,
                muted: kind == "mute_keyword",
            },
            "profile" => EventBody::Profile(Box::new(self.profile(f)?)),
            "action" => EventBody::Action(self.action(f)?),
            "impression" => EventBody::Impression(self.impression(f)?),
            "served" if self.origin == Origin::Live => {
                return Err(f.error("type", "\"served\" is written by the server itself and cannot be sent"));
            }
            "served" => EventBody::Served(self.served(f)?),
            "label" => EventBody::Label(self.label(f)?),
            _ => match EDGES.iter().find(|(name, ..)| *name == kind) {
                Some(&(_, kind, added)) => {
                    let user_id = self.user_id(f, "user_id")?;
                    let target_id = self.user_id(f, "target_id")?;
                    if user_id == target_id {
                        return Err(f.error("target_id", "must not be the user_id"));
                    }
                    EventBody::Edge(EdgeEvent { user_id, target_id, kind, added })
                }
                None => return Err(unknown()),
            },
        };
        let origin = if matches!(body, EventBody::Served(_)) { Origin::Server } else { self.origin };
        let at = match at {
            Some(at) => at,
            None if self.origin == Origin::Import => return Err(fields.error("at", "is missing")),
            None => self.now,
        };
        Ok(Event { at, id, origin, body })
    }

    fn post(&mut self, f: &mut Fields) -> Result<PostEvent, DecodeError> {
        Ok(PostEvent {
            post_id: self.post_id(f, "post_id")?,
            author_id: self.optional_user(f, "author_id")?,
            text: f.text("text")?,
            title: f.text("title")?,
            language: f.text("language")?,
            country: f.text("country")?,
            media: media(f)?,
            in_reply_to_post_id: self.optional_post(f, "in_reply_to_post_id")?,
            in_reply_to_user_id: self.optional_user(f, "in_reply_to_user_id")?,
            conversation_id: self.optional_post(f, "conversation_id")?,
            source_post_id: self.optional_post(f, "source_post_id")?,
            source_user_id: self.optional_user(f, "source_user_id")?,
            quoted_post_id: self.optional_post(f, "quoted_post_id")?,
            quoted_user_id: self.optional_user(f, "quoted_user_id")?,
            subscription_author_id: self.optional_user(f, "subscription_author_id")?,
            topics: topics(f)?,
        })
    }

    fn profile(&mut self, f: &mut Fields) -> Result<ProfileEvent, DecodeError> {
        Ok(ProfileEvent {
            user_id: self.user_id(f, "user_id")?,
            screen_name: f.text("screen_name")?,
            followers: f.count("followers")?,
            verified: f.flag("verified")?,
            protected: f.flag("protected")?,
            suspended: f.flag("suspended")?,
            country: f.text("country")?,
            language: f.text("language")?,
            created_at: time(f, "created_at")?,
        })
    }

    fn action(&mut self, f: &mut Fields) -> Result<ActionEvent, DecodeError> {
        let user_id = self.user_id(f, "user_id")?;
        let post_id = self.post_id(f, "post_id")?;
        let set = &self.profile.action_set;
        let name = f.required_text("action")?;
        let Some(action) = set.index_of(&name) else {
            let known: Vec<_> = set.actions.iter().map(|action| action.name.as_str()).collect();
            let name = describe(&name.into());
            let problem = format!("{name} is not in this folder's action set ({})", known.join(", "));
            return Err(f.error("action", problem));
        };
        let dwell_ms = f.small_count("dwell_ms")?;
        if dwell_ms.is_none() && set.get(action).is_some_and(|action| action.kind == ActionKind::Continuous) {
            return Err(f.error("dwell_ms", format!("is missing: {name} needs it")));
        }
        Ok(ActionEvent {
            user_id,
            post_id,
            action,
            dwell_ms,
            surface: f.choice("surface", &SURFACES)?.unwrap_or_default(),
            client_app: f.small_count("client_app")?.unwrap_or_default(),
            undo: f.flag("undo")?.unwrap_or_default(),
        })
    }

    fn impression(&mut self, f: &mut Fields) -> Result<ImpressionEvent, DecodeError> {
        let user_id = self.user_id(f, "user_id")?;
        let shown = f.array("post_ids")?.ok_or_else(|| f.error("post_ids", "is missing"))?;
        if shown.is_empty() {
            return Err(f.error("post_ids", "is empty"));
        }
        let mut post_ids = Vec::with_capacity(shown.len());
        for (i, value) in shown.iter().enumerate() {
            let key = format!("post_ids[{i}]");
            post_ids.push(PostId(self.some_id(Namespace::Posts, value, &key)?));
        }
        Ok(ImpressionEvent {
            user_id,
            post_ids,
            request_id: f.text("request_id")?,
            surface: f.choice("surface", &SURFACES)?.unwrap_or_default(),
            client_app: f.small_count("client_app")?.unwrap_or_default(),
        })
    }

    fn served(&mut self, f: &mut Fields) -> Result<ServedEvent, DecodeError> {
        let request_id = f.required_text("request_id")?;
        let user_id = self.user_id(f, "user_id")?;
        let listed = f.array("posts")?.ok_or_else(|| f.error("posts", "is missing"))?;
        let mut posts = Vec::with_capacity(listed.len());
        for (i, value) in listed.into_iter().enumerate() {
            let mut post = Fields::nested(value, &format!("posts[{i}]"))?;
            keys::check_served_post(&post)?;
            let score = post.require("score")?;
            posts.push(ServedPost {
                post_id: self.post_id(&mut post, "post_id")?,
                position: post.small_count("position")?.ok_or_else(|| post.error("position", "is missing"))?,
                score: score
                    .as_f64()
                    .ok_or_else(|| post.error("score", format!("{} is not a number", describe(&score))))?,
                source: post.text("source")?.ok_or_else(|| post.error("source", "is missing"))?,
            });
        }
        Ok(ServedEvent { request_id, user_id, posts, model: f.text("model")? })
    }

    fn label(&mut self, f: &mut Fields) -> Result<LabelEvent, DecodeError> {
        let target = match (f.take("post_id"), f.take("user_id")) {
            (Some(post), None) => LabelTarget::Post(PostId(self.some_id(Namespace::Posts, &post, "post_id")?)),
            (None, Some(user)) => LabelTarget::User(UserId(self.some_id(Namespace::Users, &user, "user_id")?)),
            (None, None) => return Err(f.error("post_id", "is missing: a label needs a post_id or a user_id")),
            (Some(_), Some(_)) => {
                return Err(f.error("user_id", "must be left out: a label takes a post_id or a user_id, not both"));
            }
        };
        Ok(LabelEvent { target, label: f.required_text("label")?, until: time(f, "until")? })
    }

    fn user_id(&mut self, f: &mut Fields, key: &str) -> Result<UserId, DecodeError> {
        let value = f.require(key)?;
        self.some_id(Namespace::Users, &value, &f.name(key)).map(UserId)
    }

    fn post_id(&mut self, f: &mut Fields, key: &str) -> Result<PostId, DecodeError> {
        let value = f.require(key)?;
        self.some_id(Namespace::Posts, &value, &f.name(key)).map(PostId)
    }

    fn optional_user(&mut self, f: &mut Fields, key: &str) -> Result<UserId, DecodeError> {
        let value = f.take(key);
        value.map_or(Ok(UserId::NONE), |value| self.id(Namespace::Users, &value, &f.name(key)).map(UserId))
    }

    fn optional_post(&mut self, f: &mut Fields, key: &str) -> Result<PostId, DecodeError> {
        let value = f.take(key);
        value.map_or(Ok(PostId::NONE), |value| self.id(Namespace::Posts, &value, &f.name(key)).map(PostId))
    }

    /// An id that is not 0.
    fn some_id(&mut self, namespace: Namespace, value: &Value, key: &str) -> Result<u64, DecodeError> {
        match self.id(namespace, value, key)? {
            0 => Err(DecodeError::key(key, "must not be 0")),
            id => Ok(id),
        }
    }

    /// An id in the profile's form: a string, or an integer.
    fn id(&mut self, namespace: Namespace, value: &Value, key: &str) -> Result<u64, DecodeError> {
        let form = self.profile.id_form(namespace);
        let text = match value {
            Value::String(text) => text.as_str(),
            Value::Number(number) => match (form, number.as_u64(), number.as_i64()) {
                (IdForm::Unsigned, Some(id), _) => return Ok(id),
                (IdForm::Signed, _, Some(id)) => return Ok(id.cast_unsigned()),
                (IdForm::Dictionary, None, None) => {
                    return Err(DecodeError::key(key, format!("{number} is not an id: give a string or an integer")));
                }
                _ => &number.to_string(),
            },
            other => return Err(DecodeError::key(key, format!("{} is not an id", describe(other)))),
        };
        if let Some(problem) = limits::too_long(text, limits::ID) {
            return Err(DecodeError::key(key, problem));
        }
        if form == IdForm::Dictionary {
            if text.is_empty() {
                return Err(DecodeError::key(key, "is empty"));
            }
            return Ok(self.names.number(namespace, text));
        }
        form.parse(namespace, text, self.names.names()).map_err(|e| DecodeError::key(key, e.to_string()))
    }
}

/// The numbers that are accepted as Unix milliseconds (0 is too): see [`TimeMs::from_given`].
pub(super) const TIMES_MS: RangeInclusive<i64> = 100_000_000_000..=99_999_999_999_999;
/// Most bytes of a time.
const TIME_BYTES: usize = 64;

/// A moment: an integer of Unix milliseconds, or a string of them or of RFC 3339.
fn time(f: &mut Fields, key: &str) -> Result<Option<TimeMs>, DecodeError> {
    let Some(value) = f.take(key) else { return Ok(None) };
    let read = match (&value, value.as_i64()) {
        (Value::String(text), _) => read_time(text),
        (_, Some(ms)) => check_time(TimeMs(ms)),
        _ => Err(no_time(&describe(&value))),
    };
    read.map(Some).map_err(|problem| f.error(key, problem))
}

/// Reads a time as events and requests give it: Unix milliseconds or RFC 3339. The error says what is wrong with it.
pub fn read_time(text: &str) -> Result<TimeMs, String> {
    if text.len() > TIME_BYTES {
        return Err(no_time(&describe(&text.into())));
    }
    TimeMs::parse(text).map_err(|e| e.to_string())
}

/// Refuses a number that is not in milliseconds.
pub fn check_time(time: TimeMs) -> Result<TimeMs, String> {
    TimeMs::from_given(time.0).map_err(|e| e.to_string())
}

fn no_time(found: &str) -> String {
    format!("{found} is not a valid time: give Unix milliseconds or RFC 3339")
}

fn event_id(f: &mut Fields) -> Result<Option<String>, DecodeError> {
    let id = match f.take("id") {
        None => return Ok(None),
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) if !id.is_f64() => id.to_string(),
        Some(other) => return Err(f.error("id", format!("{} is neither a text nor an integer", describe(&other)))),
    };
    if id.is_empty() {
        return Err(f.error("id", "is empty"));
    }
    Ok(Some(id))
}

fn media(f: &mut Fields) -> Result<Vec<Media>, DecodeError> {
    let listed = f.array("media")?.unwrap_or_default();
    let mut media = Vec::with_capacity(listed.len());
    for (i, value) in listed.into_iter().enumerate() {
        let mut entity = Fields::nested(value, &format!("media[{i}]"))?;
        keys::check_media(&entity)?;
        media.push(Media {
            kind: entity.choice("kind", &MEDIA_KINDS)?.ok_or_else(|| entity.error("kind", "is missing"))?,
            duration_ms: entity.small_count("duration_ms")?,
        });
    }
    Ok(media)
}

fn topics(f: &mut Fields) -> Result<Vec<u32>, DecodeError> {
    let listed = f.array("topics")?.unwrap_or_default();
    let topic = |(i, value): (usize, &Value)| {
        value
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| f.error(&format!("topics[{i}]"), format!("{} is not a topic number", describe(value))))
    };
    listed.iter().enumerate().map(topic).collect()
}
