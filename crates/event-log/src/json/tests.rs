//! What is refused, and how it is said.

use foryou_types::IdForms;
use foryou_types::NoNames;
use foryou_types::{IdForm, PostId, Profile, Surface, TimeMs, UserId};

use super::*;
use crate::event::{EventBody, Origin};

const NOW: TimeMs = TimeMs(1_700_000_000_000);

fn with_ids(form: IdForm) -> Profile {
    Profile { ids: IdForms { users: form, posts: form }, ..Profile::live() }
}

#[test]
fn the_words_of_surfaces_are_those_of_their_type() {
    for (name, surface) in SURFACES {
        assert_eq!(serde_json::to_value(surface).unwrap(), name);
    }
    assert_eq!(SURFACES.map(|(_, surface)| surface), Surface::ALL);
}

#[test]
fn every_type_of_the_list_is_known() {
    let profile = Profile::live();
    for EventType { name: kind, .. } in EVENT_TYPES {
        let text = format!(r#"{{"type": "{kind}", "at": 1700000000000}}"#);
        let error = EventDecoder::for_import(&profile, &NoNames, NOW).decode(&text).unwrap_err().to_string();
        assert!(error.contains("is missing"), "{kind}: {error}");
    }
}

#[test]
fn broken_events_are_refused_with_the_key_and_the_reason() {
    let ok = r#""type": "action", "user_id": 1, "post_id": 2, "action": "favorite""#;
    let cases = [
        ("", "not a JSON object: EOF"),
        ("{", "not a JSON object: EOF"),
        ("7", "not a JSON object: invalid type: integer `7`, expected an object"),
        ("[]", "not a JSON object: invalid type: sequence"),
        (r#"{"type": "delete", "post_id": 1} x"#, "not a JSON object: trailing characters"),
        (r#"{"type": "delete", "post_id": 1, "post_id": 2}"#, "the key \"post_id\" occurs twice"),
        ("{}", "type: is missing"),
        (r#"{"type": "like"}"#, "type: \"like\" is not one of post, delete, follow"),
        (r#"{"type": 3}"#, "type: 3 is not one of post"),
        (r#"{"type": "name", "namespace": "users", "number": "1", "name": "x"}"#, "type: \"name\" is not one of"),
        (r#"{"type": "import_progress"}"#, "type: \"import_progress\" is not one of"),
        (
            r#"{"type": "served", "request_id": "r", "user_id": 1, "posts": []}"#,
            "type: \"served\" is written by the server",
        ),
        (r#"{"type": "delete", "post_id": 1, "v": 2}"#, "v: version 2 of events is not known (newest: 1)"),
        (r#"{"type": "delete", "post_id": 1, "v": "1"}"#, "v: version \"1\""),
        (r#"{"type": "delete", "post_id": 1, "text": "x"}"#, "text: is not a key of delete"),
        (r#"{"type": "delete", "post_id": 1, "at": "yesterday"}"#, "at: \"yesterday\" is not a valid time"),
        (
            r#"{"type": "delete", "post_id": 1, "at": 1785000000}"#,
            "at: 1785000000 ms would be 1970-01-21T15:50:00Z: is it in seconds?",
        ),
        (r#"{"type": "delete", "post_id": 1, "at": "1785000000"}"#, "at: 1785000000 ms would be 1970-01-21"),
        (
            r#"{"type": "delete", "post_id": 1, "at": 1785000000000000}"#,
            "at: 1785000000000000 ms would be in the year 58534: is it in microseconds?",
        ),
        (
            r#"{"type": "profile", "user_id": 1, "created_at": 1500000000}"#,
            "created_at: 1500000000 ms would be 1970-01-18",
        ),
        (
            r#"{"type": "label", "user_id": 1, "label": "spam", "until": 1500000000}"#,
            "until: 1500000000 ms would be 1970-01-18",
        ),
        (r#"{"type": "delete", "post_id": 1, "at": 1.5}"#, "at: 1.5 is not a valid time"),
        (r#"{"type": "delete", "post_id": 1, "at": true}"#, "at: true is not a valid time"),
        (r#"{"type": "delete", "post_id": 1, "id": ""}"#, "id: is empty"),
        (r#"{"type": "delete", "post_id": 1, "id": 1.5}"#, "id: 1.5 is neither"),
        (r#"{"type": "delete"}"#, "post_id: is missing"),
        (r#"{"type": "delete", "post_id": null}"#, "post_id: is missing"),
        (r#"{"type": "delete", "post_id": 0}"#, "post_id: must not be 0"),
        (r#"{"type": "delete", "post_id": "0"}"#, "post_id: must not be 0"),
        (r#"{"type": "delete", "post_id": -1}"#, "post_id: id \"-1\" is not an unsigned 64-bit number"),
        (r#"{"type": "delete", "post_id": 1.0}"#, "post_id: id \"1.0\" is not an unsigned"),
        (r#"{"type": "delete", "post_id": ""}"#, "post_id: id \"\" is not an unsigned"),
        (r#"{"type": "delete", "post_id": "18446744073709551616"}"#, "post_id: id \"18446744073709551616\""),
        (r#"{"type": "delete", "post_id": [1]}"#, "post_id: [1] is not an id"),
        (r#"{"type": "follow", "user_id": 1}"#, "target_id: is missing"),
        (r#"{"type": "follow", "user_id": 0, "target_id": 1}"#, "user_id: must not be 0"),
        (r#"{"type": "follow", "user_id": 5, "target_id": "5"}"#, "target_id: must not be the user_id"),
        (r#"{"type": "block", "user_id": 5, "target_id": 5}"#, "target_id: must not be the user_id"),
        (r#"{"type": "mute", "user_id": 5, "target_id": 5}"#, "target_id: must not be the user_id"),
        (r#"{"type": "subscribe", "user_id": 5, "target_id": 5}"#, "target_id: must not be the user_id"),
        (r#"{"type": "mute_keyword", "user_id": 5}"#, "keyword: is missing"),
        (r#"{"type": "mute_keyword", "user_id": 5, "keyword": "  "}"#, "keyword: is empty"),
        (r#"{"type": "profile", "user_id": 5, "followers": -1}"#, "followers: -1 is not a whole number"),
        (r#"{"type": "profile", "user_id": 5, "verified": 1}"#, "verified: 1 is neither true nor false"),
        (r#"{"type": "profile", "user_id": 5, "screen_name": 1}"#, "screen_name: 1 is not a text"),
        (
            r#"{"type": "action", "user_id": 1, "post_id": 2, "action": "likes"}"#,
            "action: \"likes\" is not in this folder's action set (favorite, reply, repost,",
        ),
        (r#"{"type": "action", "user_id": 1, "post_id": 2}"#, "action: is missing"),
        (r#"{"type": "action", "user_id": 1, "post_id": 2, "action": "dwell_time"}"#, "dwell_ms: is missing"),
        (&format!("{{{ok}, \"dwell_ms\": -1}}"), "dwell_ms: -1 is not a whole number"),
        (&format!("{{{ok}, \"dwell_ms\": 4294967296}}"), "dwell_ms: 4294967296 is more than 4294967295"),
        (&format!("{{{ok}, \"dwell_ms\": \"5\"}}"), "dwell_ms: \"5\" is not a whole number"),
        (&format!("{{{ok}, \"surface\": \"fridge\"}}"), "surface: \"fridge\" is not one of unknown, home, following"),
        (&format!("{{{ok}, \"client_app\": 1.5}}"), "client_app: 1.5 is not a whole number"),
        (&format!("{{{ok}, \"undo\": \"yes\"}}"), "undo: \"yes\" is neither true nor false"),
        (&format!("{{{ok}, \"dwel_ms\": 5}}"), "dwel_ms: is not a key of action"),
        (r#"{"type": "impression", "user_id": 1}"#, "post_ids: is missing"),
        (r#"{"type": "impression", "user_id": 1, "post_ids": []}"#, "post_ids: is empty"),
        (r#"{"type": "impression", "user_id": 1, "post_ids": [2, 0]}"#, "post_ids[1]: must not be 0"),
        (r#"{"type": "impression", "user_id": 1, "post_ids": [null]}"#, "post_ids[0]: null is not an id"),
        (r#"{"type": "impression", "user_id": 1, "post_ids": 2}"#, "post_ids: 2 is not an array"),
        (r#"{"type": "label", "label": "spam"}"#, "post_id: is missing"),
        (r#"{"type": "label", "post_id": 1, "user_id": 1, "label": "spam"}"#, "user_id: must be left out"),
        (r#"{"type": "label", "post_id": 1}"#, "label: is missing"),
        (r#"{"type": "label", "post_id": 0, "label": "spam"}"#, "post_id: must not be 0"),
        (
            r#"{"type": "post", "post_id": 1, "media": [{"kind": "hologram"}]}"#,
            "media[0].kind: \"hologram\" is not one of photo, video, gif",
        ),
        (r#"{"type": "post", "post_id": 1, "media": [{"kind": "gif"}, {}]}"#, "media[1].kind: is missing"),
        (
            r#"{"type": "post", "post_id": 1, "media": [{"kind": "gif", "size": 1}]}"#,
            "media[0].size: is not a key of a media entity",
        ),
        (r#"{"type": "post", "post_id": 1, "media": ["gif"]}"#, "media[0]: \"gif\" is not an object"),
        (r#"{"type": "post", "post_id": 1, "topics": [1, -1]}"#, "topics[1]: -1 is not a topic number"),
        (r#"{"type": "post", "post_id": 1, "author_id": "me"}"#, "author_id: id \"me\" is not an unsigned"),
    ];
    let profile = Profile::live();
    for (text, wanted) in cases {
        match EventDecoder::new(&profile, &NoNames, NOW).decode(text) {
            Err(error) => assert!(error.to_string().contains(wanted), "{text}\n gives {error}\n not   {wanted}"),
            Ok(event) => panic!("{text} gives {event:?}"),
        }
    }
}

#[test]
fn a_long_value_is_cut_in_the_message() {
    let text = format!(r#"{{"type": "{}"}}"#, "ü".repeat(10_000));
    let error = EventDecoder::new(&Profile::live(), &NoNames, NOW).decode(&text).unwrap_err().to_string();
    assert!(error.len() < 400, "{error}");
}

#[test]
fn absent_null_and_zero_are_none() {
    let profile = Profile::live();
    let text = r#"{"type": "post", "post_id": 1, "author_id": null, "source_post_id": 0, "text": null, "v": 1}"#;
    let event = EventDecoder::new(&profile, &NoNames, NOW).decode(text).unwrap();
    assert_eq!((event.at, event.origin), (NOW, Origin::Live));
    let EventBody::Post(post) = event.body else { panic!("{event:?}") };
    assert_eq!((post.author_id, post.source_post_id, post.text), (UserId::NONE, PostId::NONE, None));
}

#[test]
fn an_imported_event_has_its_own_time_and_may_be_a_served_feed() {
    let profile = Profile::live();
    let mut decoder = EventDecoder::for_import(&profile, &NoNames, NOW);
    assert_eq!(decoder.decode(r#"{"type": "delete", "post_id": 1}"#).unwrap_err().to_string(), "at: is missing");
    let event = decoder.decode(r#"{"type": "delete", "post_id": 1, "at": "2012-07-04T12:00:00Z"}"#).unwrap();
    assert_eq!((event.at, event.origin), (TimeMs(1_341_403_200_000), Origin::Import));
    let text = r#"{"type": "served", "at": 1700000000000, "request_id": "r", "user_id": 1, "posts": [{"post_id": 2, "position": 0, "score": 1, "source": "s"}], "model": null}"#;
    let event = decoder.decode(text).unwrap();
    assert_eq!(event.origin, Origin::Server, "a served feed moves no log clock");
    let bad = text.replace("\"score\": 1", "\"score\": \"1\"");
    assert_eq!(decoder.decode(&bad).unwrap_err().to_string(), "posts[0].score: \"1\" is not a number");
}

#[test]
fn ids_are_read_in_the_form_of_the_profile() {
    let id = |form, text: &str| {
        let profile = with_ids(form);
        let event =
            EventDecoder::new(&profile, &NoNames, NOW).decode(&format!(r#"{{"type": "delete", "post_id": {text}}}"#));
        event.map(|event| match event.body {
            EventBody::Delete { post_id } => post_id.0,
            other => panic!("{other:?}"),
        })
    };
    for text in ["-1", "\"-1\""] {
        assert_eq!(id(IdForm::Signed, text), Ok(u64::MAX));
        assert!(id(IdForm::Unsigned, text).is_err());
    }
    for text in ["18446744073709551615", "\"18446744073709551615\""] {
        assert_eq!(id(IdForm::Unsigned, text), Ok(u64::MAX));
        assert!(id(IdForm::Signed, text).is_err());
    }
    assert_eq!(id(IdForm::Dictionary, "17"), id(IdForm::Dictionary, "\"17\""));
    assert_ne!(id(IdForm::Dictionary, "0").unwrap(), 0);
    assert!(id(IdForm::Dictionary, "\"\"").is_err());
    assert!(id(IdForm::Dictionary, "1.5").is_err());
    assert!(id(IdForm::Dictionary, &format!("\"{}\"", "x".repeat(1_025))).is_err());
}
