//! gRPC events as drafts, so that the same code decodes and checks events from gRPC and from JSON.

use event_log::{DecodeError, EventDraft};
use foryou_proto::v1::event::Body;
use foryou_proto::v1::{Action, Event, Id, Impression, Label, Post, Profile as Person};
use foryou_types::{IdForm, Namespace, Profile};
use serde_json::{Value, json};

/// The draft of an event; an error when it has no body.
pub(super) fn draft(event: Event, profile: &Profile) -> Result<EventDraft, DecodeError> {
    let problem = "is missing: set one of post, delete, edge, ...".to_owned();
    let body = event.body.ok_or_else(|| DecodeError::Key { key: "body".to_owned(), problem })?;
    let ids = Ids(profile);
    let mut draft = match body {
        Body::Post(post) => ids.post_created(post),
        Body::Delete(delete) => {
            let mut draft = EventDraft::new("delete");
            draft.put_some("post_id", ids.post(delete.post_id));
            draft
        }
        Body::Edge(edge) => {
            let mut draft = EventDraft::new(&edge.r#type);
            draft.put_some("user_id", ids.user(edge.user_id));
            draft.put_some("target_id", ids.user(edge.target_id));
            draft
        }
        Body::MuteKeyword(mute) => {
            let mut draft = EventDraft::new(if mute.unmute { "unmute_keyword" } else { "mute_keyword" });
            draft.put_some("user_id", ids.user(mute.user_id));
            draft.put("keyword", mute.keyword);
            draft
        }
        Body::Profile(person) => ids.person(person),
        Body::Action(action) => ids.action(action),
        Body::Impression(impression) => ids.impression(impression),
        Body::Label(label) => ids.label(label),
    };
    draft.put_some("at", (event.at != 0).then_some(event.at));
    draft.put_some("id", filled(event.id));
    Ok(draft)
}

/// A field without presence is absent when it is empty.
fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Writes ids in the forms of a profile.
struct Ids<'a>(&'a Profile);

impl Ids<'_> {
    fn user(&self, id: Option<Id>) -> Option<Value> {
        self.given(Namespace::Users, id?)
    }

    fn post(&self, id: Option<Id>) -> Option<Value> {
        self.given(Namespace::Posts, id?)
    }

    /// The string if it is set, else the number in the profile's form. With string ids a bare number is the string of its digits,
    /// as in JSON.
    fn given(&self, namespace: Namespace, id: Id) -> Option<Value> {
        if !id.string.is_empty() {
            return Some(id.string.into());
        }
        let number = match self.0.id_form(namespace) {
            IdForm::Signed => id.number.cast_signed().into(),
            IdForm::Unsigned | IdForm::Dictionary => id.number.into(),
        };
        (id.number != 0).then_some(number)
    }

    fn post_created(&self, post: Post) -> EventDraft {
        let mut draft = EventDraft::new("post");
        draft.put_some("post_id", self.post(post.post_id));
        draft.put_some("author_id", self.user(post.author_id));
        draft.put_some("text", post.text);
        draft.put_some("title", post.title);
        draft.put_some("language", post.language);
        draft.put_some("country", post.country);
        let media = post.media.into_iter().map(|m| json!({"kind": m.kind, "duration_ms": m.duration_ms}));
        draft.put("media", media.collect::<Vec<_>>());
        draft.put_some("in_reply_to_post_id", self.post(post.in_reply_to_post_id));
        draft.put_some("in_reply_to_user_id", self.user(post.in_reply_to_user_id));
        draft.put_some("conversation_id", self.post(post.conversation_id));
        draft.put_some("source_post_id", self.post(post.source_post_id));
        draft.put_some("source_user_id", self.user(post.source_user_id));
        draft.put_some("quoted_post_id", self.post(post.quoted_post_id));
        draft.put_some("quoted_user_id", self.user(post.quoted_user_id));
        draft.put_some("subscription_author_id", self.user(post.subscription_author_id));
        draft.put("topics", post.topics);
        draft
    }

    fn person(&self, person: Person) -> EventDraft {
        let mut draft = EventDraft::new("profile");
        draft.put_some("user_id", self.user(person.user_id));
        draft.put_some("screen_name", person.screen_name);
        draft.put_some("followers", person.followers);
        draft.put_some("verified", person.verified);
        draft.put_some("protected", person.protected);
        draft.put_some("suspended", person.suspended);
        draft.put_some("country", person.country);
        draft.put_some("language", person.language);
        draft.put_some("created_at", person.created_at);
        draft
    }

    fn action(&self, action: Action) -> EventDraft {
        let mut draft = EventDraft::new("action");
        draft.put_some("user_id", self.user(action.user_id));
        draft.put_some("post_id", self.post(action.post_id));
        draft.put("action", action.action);
        draft.put_some("dwell_ms", action.dwell_ms);
        draft.put_some("surface", filled(action.surface));
        draft.put("client_app", action.client_app);
        draft.put("undo", action.undo);
        draft
    }

    fn impression(&self, impression: Impression) -> EventDraft {
        let mut draft = EventDraft::new("impression");
        draft.put_some("user_id", self.user(impression.user_id));
        let posts = impression.post_ids.into_iter().map(|id| self.post(Some(id)).unwrap_or_default());
        draft.put("post_ids", posts.collect::<Vec<_>>());
        draft.put_some("request_id", filled(impression.request_id));
        draft.put_some("surface", filled(impression.surface));
        draft.put("client_app", impression.client_app);
        draft
    }

    fn label(&self, label: Label) -> EventDraft {
        let mut draft = EventDraft::new("label");
        draft.put_some("post_id", self.post(label.post_id));
        draft.put_some("user_id", self.user(label.user_id));
        draft.put("label", label.label);
        draft.put_some("until", label.until);
        draft
    }
}

#[cfg(test)]
mod tests {
    use event_log::{EventDecoder, event_to_json};
    use foryou_proto::v1::{Action, Delete, Edge, Media, MuteKeyword};
    use foryou_types::NoNames;
    use foryou_types::TimeMs;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "the messages' fields are optional")]
    fn id(number: u64) -> Option<Id> {
        Some(Id { number, string: String::new() })
    }

    /// The event as JSON would have given it.
    fn decoded(event: Event, profile: &Profile) -> Result<Value, String> {
        let draft = draft(event, profile).map_err(|e| e.to_string())?;
        let mut decoder = EventDecoder::new(profile, &NoNames, TimeMs(1_700_000_000_000));
        let event = decoder.decode_draft(draft).map_err(|e| e.to_string())?;
        Ok(event_to_json(&event, profile, &NoNames))
    }

    fn of(body: Body) -> Event {
        Event { at: 1_700_000_000_000, id: "a".into(), body: Some(body) }
    }

    #[test]
    fn an_action_keeps_its_bits_and_the_string_wins() {
        let mut profile = Profile::live();
        profile.ids.users = IdForm::Signed;
        let action = Action {
            user_id: id(u64::MAX),
            post_id: Some(Id { number: 3, string: "7".into() }),
            action: "favorite".into(),
            dwell_ms: Some(5),
            ..Action::default()
        };
        assert_eq!(
            decoded(of(Body::Action(action)), &profile).unwrap(),
            json!({"type": "action", "at": 1_700_000_000_000_i64, "id": "a", "user_id": "-1", "post_id": "7", "action": "favorite", "dwell_ms": 5})
        );
    }

    #[test]
    fn every_body_is_the_event_of_its_json() {
        let profile = Profile::live();
        let post = Post {
            post_id: id(1),
            author_id: id(u64::MAX),
            text: Some("t".into()),
            media: vec![Media { kind: "gif".into(), duration_ms: None }],
            quoted_post_id: id(4),
            topics: vec![7],
            ..Post::default()
        };
        let cases = [
            (
                Body::Post(post),
                r#"{"post_id": 1, "author_id": "18446744073709551615", "text": "t", "media": [{"kind": "gif"}], "quoted_post_id": 4, "topics": [7], "type": "post"}"#,
            ),
            (Body::Delete(Delete { post_id: id(1) }), r#"{"type": "delete", "post_id": 1}"#),
            (
                Body::Edge(Edge { user_id: id(1), target_id: id(2), r#type: "unfollow".into() }),
                r#"{"type": "unfollow", "user_id": 1, "target_id": 2}"#,
            ),
            (
                Body::MuteKeyword(MuteKeyword { user_id: id(1), keyword: "k".into(), unmute: true }),
                r#"{"type": "unmute_keyword", "user_id": 1, "keyword": "k"}"#,
            ),
            (
                Body::Profile(Person {
                    user_id: id(1),
                    followers: Some(3),
                    protected: Some(false),
                    ..Person::default()
                }),
                r#"{"type": "profile", "user_id": 1, "followers": 3, "protected": false}"#,
            ),
            (
                Body::Impression(Impression {
                    user_id: id(1),
                    post_ids: vec![id(2).unwrap()],
                    surface: "home".into(),
                    client_app: 3,
                    ..Impression::default()
                }),
                r#"{"type": "impression", "user_id": 1, "post_ids": [2], "surface": "home", "client_app": 3}"#,
            ),
            (
                Body::Label(Label { user_id: id(1), label: "spam".into(), ..Label::default() }),
                r#"{"type": "label", "user_id": 1, "label": "spam"}"#,
            ),
        ];
        for (body, text) in cases {
            let mut decoder = EventDecoder::new(&profile, &NoNames, TimeMs(1_700_000_000_000));
            let mut expected = event_to_json(&decoder.decode(text).unwrap(), &profile, &NoNames);
            expected["id"] = json!("a");
            assert_eq!(decoded(of(body), &profile).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let profile = Profile::live();
        let edge = |target: u64, kind: &str| {
            of(Body::Edge(Edge { user_id: id(1), target_id: id(target), r#type: kind.into() }))
        };
        assert!(decoded(Event::default(), &profile).unwrap_err().starts_with("body: is missing"));
        assert!(decoded(edge(0, "follow"), &profile).unwrap_err().starts_with("target_id: is missing"));
        assert!(decoded(edge(2, "stalk"), &profile).unwrap_err().starts_with("type: \"stalk\" is not one of"));
        let shown = Impression { user_id: id(1), post_ids: vec![Id::default()], ..Impression::default() };
        assert!(decoded(of(Body::Impression(shown)), &profile).unwrap_err().starts_with("post_ids[0]: "));
        let long = Post { post_id: id(1), text: Some("x".repeat(event_log::limits::TEXT + 1)), ..Post::default() };
        assert!(decoded(of(Body::Post(long)), &profile).unwrap_err().starts_with("text: has 25001 characters"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(event) = Event::decode(bytes.as_slice()) {
                let _ = decoded(event, &Profile::live());
            }
        }
    }
}
