//! gRPC events in their JSON form, so that both ways in are decoded and checked by one piece of code.

use foryou_proto::v1::{Event, Id, event::Body};
use foryou_types::{IdForm, Namespace, Profile};
use serde_json::{Map, Value, json};

/// The JSON form of an event; an error when it has no body.
pub(super) fn to_json(event: &Event, profile: &Profile) -> Result<Value, String> {
    let body = event.body.as_ref().ok_or("the event has no body")?;
    let ids = Printer(profile);
    let mut json = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            json.insert(key.to_owned(), value);
        }
    };
    put("at", (event.at != 0).then(|| event.at.into()));
    put("id", text(&event.id));
    match body {
        Body::Post(p) => {
            put("type", Some("post".into()));
            put("post_id", ids.post(p.post_id.as_ref()));
            put("author_id", ids.user(p.author_id.as_ref()));
            put("text", p.text.clone().map(Value::from));
            put("title", p.title.clone().map(Value::from));
            put("language", p.language.clone().map(Value::from));
            put("country", p.country.clone().map(Value::from));
            let media = p.media.iter().map(|m| match m.duration_ms {
                Some(ms) => json!({"kind": m.kind, "duration_ms": ms}),
                None => json!({"kind": m.kind}),
            });
            put("media", (!p.media.is_empty()).then(|| media.collect()));
            put("in_reply_to_post_id", ids.post(p.in_reply_to_post_id.as_ref()));
            put("in_reply_to_user_id", ids.user(p.in_reply_to_user_id.as_ref()));
            put("conversation_id", ids.post(p.conversation_id.as_ref()));
            put("source_post_id", ids.post(p.source_post_id.as_ref()));
            put("source_user_id", ids.user(p.source_user_id.as_ref()));
            put("quoted_post_id", ids.post(p.quoted_post_id.as_ref()));
            put("quoted_user_id", ids.user(p.quoted_user_id.as_ref()));
            put("subscription_author_id", ids.user(p.subscription_author_id.as_ref()));
            put("topics", (!p.topics.is_empty()).then(|| p.topics.clone().into()));
        }
        Body::Delete(d) => {
            put("type", Some("delete".into()));
            put("post_id", ids.post(d.post_id.as_ref()));
        }
        Body::Edge(e) => {
            put("type", Some(e.r#type.clone().into()));
            put("user_id", ids.user(e.user_id.as_ref()));
            put("target_id", ids.user(e.target_id.as_ref()));
        }
        Body::MuteKeyword(m) => {
            put("type", Some(if m.unmute { "unmute_keyword" } else { "mute_keyword" }.into()));
            put("user_id", ids.user(m.user_id.as_ref()));
            put("keyword", Some(m.keyword.clone().into()));
        }
        Body::Profile(p) => {
            put("type", Some("profile".into()));
            put("user_id", ids.user(p.user_id.as_ref()));
            put("screen_name", p.screen_name.clone().map(Value::from));
            put("followers", p.followers.map(Value::from));
            put("verified", p.verified.map(Value::from));
            put("protected", p.protected.map(Value::from));
            put("suspended", p.suspended.map(Value::from));
            put("country", p.country.clone().map(Value::from));
            put("language", p.language.clone().map(Value::from));
            put("created_at", p.created_at.map(Value::from));
        }
        Body::Action(a) => {
            put("type", Some("action".into()));
            put("user_id", ids.user(a.user_id.as_ref()));
            put("post_id", ids.post(a.post_id.as_ref()));
            put("action", Some(a.action.clone().into()));
            put("dwell_ms", a.dwell_ms.map(Value::from));
            put("surface", text(&a.surface));
            put("client_app", (a.client_app != 0).then(|| a.client_app.into()));
            put("undo", a.undo.then_some(Value::Bool(true)));
        }
        Body::Impression(i) => {
            put("type", Some("impression".into()));
            put("user_id", ids.user(i.user_id.as_ref()));
            let posts = i.post_ids.iter().map(|id| ids.post(Some(id)).unwrap_or(Value::Null));
            put("post_ids", Some(posts.collect()));
            put("request_id", text(&i.request_id));
            put("surface", text(&i.surface));
            put("client_app", (i.client_app != 0).then(|| i.client_app.into()));
        }
        Body::Label(l) => {
            put("type", Some("label".into()));
            put("post_id", ids.post(l.post_id.as_ref()));
            put("user_id", ids.user(l.user_id.as_ref()));
            put("label", Some(l.label.clone().into()));
            put("until", l.until.map(Value::from));
        }
    }
    Ok(Value::Object(json))
}

fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

struct Printer<'a>(&'a Profile);

impl Printer<'_> {
    fn user(&self, id: Option<&Id>) -> Option<Value> {
        self.print(Namespace::Users, id)
    }

    fn post(&self, id: Option<&Id>) -> Option<Value> {
        self.print(Namespace::Posts, id)
    }

    /// The string where set, else the number in the profile's form. A dictionary has no numbers to offer: a bare number there is
    /// taken as its decimal text, as JSON does.
    fn print(&self, namespace: Namespace, id: Option<&Id>) -> Option<Value> {
        let id = id?;
        if !id.string.is_empty() {
            return Some(id.string.clone().into());
        }
        let text = match self.0.id_form(namespace) {
            IdForm::Signed => id.number.cast_signed().to_string(),
            IdForm::Unsigned | IdForm::Dictionary => id.number.to_string(),
        };
        (id.number != 0).then(|| text.into())
    }
}

#[cfg(test)]
mod tests {
    use foryou_proto::v1::{Action, Edge};

    use super::*;

    fn id(number: u64) -> Id {
        Id { number, string: String::new() }
    }

    #[test]
    fn an_action_is_the_wire_form() {
        let body = Body::Action(Action {
            user_id: Some(id(u64::MAX)),
            post_id: Some(Id { number: 3, string: "7".into() }),
            action: "favorite".into(),
            dwell_ms: Some(5),
            ..Action::default()
        });
        let mut profile = Profile::live();
        profile.ids.users = IdForm::Signed;
        let event = Event { at: 1, id: "a".into(), body: Some(body) };
        assert_eq!(
            to_json(&event, &profile).unwrap(),
            json!({"type": "action", "at": 1, "id": "a", "user_id": "-1", "post_id": "7", "action": "favorite", "dwell_ms": 5})
        );
    }

    #[test]
    fn an_edge_carries_its_type_and_an_empty_event_is_refused() {
        let body = Body::Edge(Edge { user_id: Some(id(1)), target_id: Some(id(0)), r#type: "unfollow".into() });
        let event = Event { body: Some(body), ..Event::default() };
        assert_eq!(to_json(&event, &Profile::live()).unwrap(), json!({"type": "unfollow", "user_id": "1"}));
        assert!(to_json(&Event::default(), &Profile::live()).is_err());
    }
}
