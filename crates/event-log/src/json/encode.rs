//! From events to JSON.

use foryou_types::{Dictionary, Namespace, PostId, Profile, TimeMs, UserId};
use serde_json::{Map, Value, json};

use super::{EDGES, MEDIA_KINDS, SURFACES};
use crate::event::{ActionEvent, Event, EventBody, ImpressionEvent, LabelTarget, PostEvent, ProfileEvent, ServedEvent};

/// An event as [`super::EventDecoder`] reads it. Keys without a value are left out; ids are strings in the profile's form.
///
/// [`EventBody::Name`] and [`EventBody::ImportProgress`] have a form too, for people to read; it cannot be sent.
pub fn event_to_json(event: &Event, profile: &Profile, names: &dyn Dictionary) -> Value {
    let mut out = Object { keys: Map::new(), profile, names };
    out.put("type", event.body.kind());
    out.put("at", time(event.at));
    out.some("id", event.id.as_deref());
    match &event.body {
        EventBody::Post(post) => out.post_event(post),
        EventBody::Delete { post_id } => out.post("post_id", *post_id),
        EventBody::Edge(edge) => {
            out.user("user_id", edge.user_id);
            out.user("target_id", edge.target_id);
        }
        EventBody::MuteKeyword { user_id, keyword, .. } => {
            out.user("user_id", *user_id);
            out.put("keyword", keyword.as_str());
        }
        EventBody::Profile(profile) => out.profile_event(profile),
        EventBody::Action(action) => out.action(action),
        EventBody::Impression(impression) => out.impression(impression),
        EventBody::Served(served) => out.served(served),
        EventBody::Label(label) => {
            match label.target {
                LabelTarget::Post(id) => out.post("post_id", id),
                LabelTarget::User(id) => out.user("user_id", id),
            }
            out.put("label", label.label.as_str());
            out.some("until", label.until.map(time));
        }
        EventBody::Name { namespace, id, name } => {
            out.put("namespace", namespace.as_str());
            out.put("number", id.to_string());
            out.put("name", name.as_str());
        }
        EventBody::ImportProgress(progress) => {
            out.put("kind", progress.kind.as_str());
            out.put("role", progress.role.as_str());
            out.put("first_row", progress.first_row);
            out.put("rows", progress.row_hashes.len());
        }
    }
    Value::Object(out.keys)
}

/// Unix milliseconds; RFC 3339 if the number would be mistaken for another unit.
fn time(at: TimeMs) -> Value {
    if at.is_plain() { at.0.into() } else { at.to_rfc3339().into() }
}

impl EventBody {
    /// The `type` of an event in its JSON form.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Post(_) => "post",
            Self::Delete { .. } => "delete",
            Self::Edge(edge) => EDGES
                .iter()
                .find(|(_, kind, added)| (*kind, *added) == (edge.kind, edge.added))
                .map_or("follow", |(name, ..)| name),
            Self::MuteKeyword { muted: true, .. } => "mute_keyword",
            Self::MuteKeyword { muted: false, .. } => "unmute_keyword",
            Self::Profile(_) => "profile",
            Self::Action(_) => "action",
            Self::Impression(_) => "impression",
            Self::Served(_) => "served",
            Self::Label(_) => "label",
            Self::Name { .. } => "name",
            Self::ImportProgress(_) => "import_progress",
        }
    }
}

struct Object<'a> {
    keys: Map<String, Value>,
    profile: &'a Profile,
    names: &'a dyn Dictionary,
}

impl Object<'_> {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.keys.insert(key.to_owned(), value.into());
    }

    fn some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn id(&self, namespace: Namespace, id: u64) -> Value {
        Value::String(self.profile.id_form(namespace).print(namespace, id, self.names))
    }

    fn user(&mut self, key: &str, id: UserId) {
        if id.is_some() {
            self.put(key, self.id(Namespace::Users, id.0));
        }
    }

    fn post(&mut self, key: &str, id: PostId) {
        if id.is_some() {
            self.put(key, self.id(Namespace::Posts, id.0));
        }
    }

    fn post_event(&mut self, post: &PostEvent) {
        self.post("post_id", post.post_id);
        self.user("author_id", post.author_id);
        self.some("text", post.text.as_deref());
        self.some("title", post.title.as_deref());
        self.some("language", post.language.as_deref());
        self.some("country", post.country.as_deref());
        if !post.media.is_empty() {
            let media: Vec<_> = post
                .media
                .iter()
                .map(|media| {
                    let kind = MEDIA_KINDS.iter().find(|(_, kind)| *kind == media.kind).map(|(name, _)| *name);
                    match media.duration_ms {
                        Some(ms) => json!({"kind": kind, "duration_ms": ms}),
                        None => json!({"kind": kind}),
                    }
                })
                .collect();
            self.put("media", media);
        }
        self.post("in_reply_to_post_id", post.in_reply_to_post_id);
        self.user("in_reply_to_user_id", post.in_reply_to_user_id);
        self.post("conversation_id", post.conversation_id);
        self.post("source_post_id", post.source_post_id);
        self.user("source_user_id", post.source_user_id);
        self.post("quoted_post_id", post.quoted_post_id);
        self.user("quoted_user_id", post.quoted_user_id);
        self.user("subscription_author_id", post.subscription_author_id);
        if !post.topics.is_empty() {
            self.put("topics", post.topics.clone());
        }
    }

    fn profile_event(&mut self, profile: &ProfileEvent) {
        self.user("user_id", profile.user_id);
        self.some("screen_name", profile.screen_name.as_deref());
        self.some("followers", profile.followers);
        self.some("verified", profile.verified);
        self.some("protected", profile.protected);
        self.some("suspended", profile.suspended);
        self.some("country", profile.country.as_deref());
        self.some("language", profile.language.as_deref());
        self.some("created_at", profile.created_at.map(time));
    }

    fn action(&mut self, action: &ActionEvent) {
        self.user("user_id", action.user_id);
        self.post("post_id", action.post_id);
        self.put("action", self.profile.action_set.name(action.action));
        self.some("dwell_ms", action.dwell_ms);
        self.context(action.surface, action.client_app);
        if action.undo {
            self.put("undo", true);
        }
    }

    fn impression(&mut self, impression: &ImpressionEvent) {
        self.user("user_id", impression.user_id);
        let shown: Vec<_> = impression.post_ids.iter().map(|id| self.id(Namespace::Posts, id.0)).collect();
        self.put("post_ids", shown);
        self.some("request_id", impression.request_id.as_deref());
        self.context(impression.surface, impression.client_app);
    }

    fn context(&mut self, surface: foryou_types::Surface, client_app: u32) {
        let name = SURFACES.iter().find(|(_, s)| *s == surface).map(|(name, _)| *name);
        self.some("surface", name.filter(|_| surface != foryou_types::Surface::Unknown));
        self.some("client_app", Some(client_app).filter(|app| *app != 0));
    }

    fn served(&mut self, served: &ServedEvent) {
        self.put("request_id", served.request_id.as_str());
        self.user("user_id", served.user_id);
        let posts: Vec<_> = served
            .posts
            .iter()
            .map(|post| {
                let id = self.id(Namespace::Posts, post.post_id.0);
                json!({"post_id": id, "position": post.position, "score": post.score, "source": post.source})
            })
            .collect();
        self.put("posts", posts);
        self.some("model", served.model.as_deref());
    }
}
