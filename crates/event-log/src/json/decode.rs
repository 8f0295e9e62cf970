//! From JSON to events.

use foryou_types::{ActionKind, IdForm, Names, Namespace, PostId, Profile, TimeMs, UserId};
use serde_json::Value;

use super::error::DecodeError;
use super::fields::{Fields, describe};
use super::{EDGES, MEDIA_KINDS, SURFACES, TYPES, VERSION};
use crate::batch::MAX_KEY_BYTES;
use crate::event::{
    ActionEvent, EdgeEvent, Event, EventBody, ImpressionEvent, LabelEvent, LabelTarget, Media, Origin, PostEvent,
    ProfileEvent, ServedEvent, ServedPost,
};
use crate::names::NameAllocator;

/// Reads events as they are sent to a folder with a profile.
///
/// One decoder serves one batch (or one import): strings that are new to the dictionary get their numbers here, and
/// [`Self::take_new_names`] gives the events that must stand in front of the batch. An event that is refused leaves no names
/// behind.
///
/// ```
/// use event_log::{EventBody, EventDecoder};
/// use foryou_types::ids::NoNames;
/// use foryou_types::{Profile, TimeMs, UserId};
///
/// let profile = Profile::live();
/// let mut decoder = EventDecoder::new(&profile, &NoNames, TimeMs(1_700_000_000_000));
/// let event = decoder.decode(r#"{"type": "follow", "user_id": "7", "target_id": 8}"#)?;
/// assert_eq!(event.at, TimeMs(1_700_000_000_000));
/// assert!(matches!(event.body, EventBody::Edge(edge) if edge.user_id == UserId(7) && edge.added));
///
/// let error = decoder.decode(r#"{"type": "follow", "user_id": 0, "target_id": 8}"#).unwrap_err();
/// assert_eq!(error.to_string(), "user_id: 0 is no user");
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
    pub fn new(profile: &'a Profile, names: &'a dyn Names, now: TimeMs) -> Self {
        Self { profile, names: NameAllocator::new(names), now, origin: Origin::Live }
    }

    /// A decoder of a file's events: each needs its time, and `served` is taken, as the record of the server that wrote it
    /// ([`Origin::Server`], which moves no log clock).
    pub fn for_import(profile: &'a Profile, names: &'a dyn Names, now: TimeMs) -> Self {
        Self { origin: Origin::Import, ..Self::new(profile, names, now) }
    }

    /// Reads one event.
    pub fn decode(&mut self, text: &str) -> Result<Event, DecodeError> {
        self.decode_fields(Fields::parse(text)?)
    }

    /// Reads one event that was parsed already.
    pub fn decode_value(&mut self, value: Value) -> Result<Event, DecodeError> {
        self.decode_fields(Fields::of(value)?)
    }

    /// The strings that got a number since the last call, as events to put in front of the batch that uses them.
    pub fn take_new_names(&mut self) -> Vec<Event> {
        self.names.take_new(self.now, self.origin)
    }

    fn decode_fields(&mut self, fields: Fields) -> Result<Event, DecodeError> {
        let mark = self.names.mark();
        let decoded = self.event(fields);
        if decoded.is_err() {
            self.names.roll_back(mark);
        }
        decoded
    }

    fn event(&mut self, mut fields: Fields) -> Result<Event, DecodeError> {
        if let Some(version) = fields.take("v")
            && version.as_u64() != Some(VERSION)
        {
            let problem = format!("version {} of events is not known here (newest: {VERSION})", describe(&version));
            return Err(fields.error("v", problem));
        }
        let kind = fields.require("type")?;
        let unknown = || {
            let problem = format!("{} is none of {}", describe(&kind), TYPES.join(", "));
            DecodeError::key("type", problem)
        };
        let kind = kind.as_str().ok_or_else(unknown)?;
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
                return Err(f.error("type", "\"served\" is written by the server itself, it cannot be sent"));
            }
            "served" => EventBody::Served(self.served(f)?),
            "label" => EventBody::Label(self.label(f)?),
            _ => match EDGES.iter().find(|(name, ..)| *name == kind) {
                Some(&(_, kind, added)) => {
                    let user_id = self.user_id(f, "user_id")?;
                    let target_id = self.user_id(f, "target_id")?;
                    if user_id == target_id {
                        return Err(f.error("target_id", "is the user's own id"));
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
        fields.finish(kind)?;
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
            let problem = format!("{name:?} is not in this folder's action set ({})", known.join(", "));
            return Err(f.error("action", problem));
        };
        let dwell_ms = f.small_count("dwell_ms")?;
        if dwell_ms.is_none() && set.get(action).is_some_and(|action| action.kind == ActionKind::Continuous) {
            return Err(f.error("dwell_ms", format!("is missing: {name} is measured by it")));
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
            let score = post.require("score")?;
            posts.push(ServedPost {
                post_id: self.post_id(&mut post, "post_id")?,
                position: post.small_count("position")?.ok_or_else(|| post.error("position", "is missing"))?,
                score: score
                    .as_f64()
                    .ok_or_else(|| post.error("score", format!("{} is no number", describe(&score))))?,
                source: post.text("source")?.ok_or_else(|| post.error("source", "is missing"))?,
            });
            post.finish("a served post")?;
        }
        Ok(ServedEvent { request_id, user_id, posts, model: f.text("model")? })
    }

    fn label(&mut self, f: &mut Fields) -> Result<LabelEvent, DecodeError> {
        let target = match (f.take("post_id"), f.take("user_id")) {
            (Some(post), None) => LabelTarget::Post(PostId(self.some_id(Namespace::Posts, &post, "post_id")?)),
            (None, Some(user)) => LabelTarget::User(UserId(self.some_id(Namespace::Users, &user, "user_id")?)),
            (None, None) => return Err(f.error("post_id", "is missing: a label is on a post_id or a user_id")),
            (Some(_), Some(_)) => return Err(f.error("user_id", "a label is on a post_id or a user_id, not on both")),
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
            0 => {
                let what = match namespace {
                    Namespace::Users => "user",
                    Namespace::Posts => "post",
                };
                Err(DecodeError::key(key, format!("0 is no {what}")))
            }
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
                    return Err(DecodeError::key(key, format!("{number} is no id: give a string or an integer")));
                }
                _ => &number.to_string(),
            },
            other => return Err(DecodeError::key(key, format!("{} is no id", describe(other)))),
        };
        if form == IdForm::Dictionary {
            if text.is_empty() || text.len() > MAX_KEY_BYTES {
                let problem = format!("an id has 1 to {MAX_KEY_BYTES} bytes, this one {}", text.len());
                return Err(DecodeError::key(key, problem));
            }
            return Ok(self.names.number(namespace, text));
        }
        form.parse(namespace, text, self.names.names()).map_err(|e| DecodeError::key(key, e.to_string()))
    }
}

/// A moment: an integer of Unix milliseconds, or a string of them or of RFC 3339.
fn time(f: &mut Fields, key: &str) -> Result<Option<TimeMs>, DecodeError> {
    let Some(value) = f.take(key) else { return Ok(None) };
    let time = match (&value, value.as_i64()) {
        (Value::String(text), _) => TimeMs::parse(text),
        (_, Some(ms)) => TimeMs::from_given(ms),
        _ => {
            let problem = format!("{} is not a valid time: give Unix milliseconds or RFC 3339", describe(&value));
            return Err(f.error(key, problem));
        }
    };
    time.map(Some).map_err(|e| f.error(key, e.to_string()))
}

fn event_id(f: &mut Fields) -> Result<Option<String>, DecodeError> {
    let id = match f.take("id") {
        None => return Ok(None),
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) if !id.is_f64() => id.to_string(),
        Some(other) => return Err(f.error("id", format!("{} is neither a text nor an integer", describe(&other)))),
    };
    if id.is_empty() || id.len() > MAX_KEY_BYTES {
        return Err(f.error("id", format!("has 1 to {MAX_KEY_BYTES} bytes, this one {}", id.len())));
    }
    Ok(Some(id))
}

fn media(f: &mut Fields) -> Result<Vec<Media>, DecodeError> {
    let listed = f.array("media")?.unwrap_or_default();
    let mut media = Vec::with_capacity(listed.len());
    for (i, value) in listed.into_iter().enumerate() {
        let mut entity = Fields::nested(value, &format!("media[{i}]"))?;
        media.push(Media {
            kind: entity.choice("kind", &MEDIA_KINDS)?.ok_or_else(|| entity.error("kind", "is missing"))?,
            duration_ms: entity.small_count("duration_ms")?,
        });
        entity.finish("a media entity")?;
    }
    Ok(media)
}

fn topics(f: &mut Fields) -> Result<Vec<u32>, DecodeError> {
    let listed = f.array("topics")?.unwrap_or_default();
    let topic = |(i, value): (usize, &Value)| {
        value
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| f.error(&format!("topics[{i}]"), format!("{} is no topic number", describe(value))))
    };
    listed.iter().enumerate().map(topic).collect()
}
