//! Events through JSON and back, in every form of id.

use event_log::*;
use foryou_types::{Dictionary, IdForm, IdForms, Namespace, NoNames, Profile, TimeMs};
use proptest::prelude::*;

use crate::samples::every_kind;
use crate::strategies::sendable;

/// A dictionary that has a name for every number.
struct AnyName;

impl Dictionary for AnyName {
    fn id_of(&self, namespace: Namespace, name: &str) -> Option<u64> {
        name.strip_prefix(namespace.as_str())?.strip_prefix('-')?.parse().ok()
    }
    fn name_of(&self, namespace: Namespace, id: u64) -> Option<String> {
        Some(format!("{}-{id}", namespace.as_str()))
    }
}

fn profile(form: IdForm) -> Profile {
    Profile { ids: IdForms { users: form, posts: form }, ..Profile::live() }
}

proptest! {
    #[test]
    fn events_survive_json(event in sendable()) {
        for form in [IdForm::Unsigned, IdForm::Signed, IdForm::Dictionary] {
            let profile = profile(form);
            let json = event_to_json(&event, &profile, &AnyName);
            let mut decoder = EventDecoder::for_import(&profile, &AnyName, TimeMs(5));
            prop_assert_eq!(&decoder.decode(&json.to_string()).unwrap(), &event);
            prop_assert_eq!(&decoder.decode_value(json).unwrap(), &event);
            prop_assert!(decoder.take_new_names().is_empty());
        }
    }

    #[test]
    fn any_text_is_an_event_or_an_error(text in "[{}\\[\\]\":,a-z0-9 -]{0,60}") {
        let profile = Profile::live();
        let _ = EventDecoder::new(&profile, &NoNames, TimeMs(0)).decode(&text);
    }
}

#[test]
fn every_kind_has_the_documented_form() {
    let profile = profile(IdForm::Signed);
    let lines: Vec<_> =
        every_kind().iter().map(|(_, event)| event_to_json(event, &profile, &NoNames).to_string()).collect();
    let wanted = [
        r#"{"at":1341403200000,"author_id":"42","conversation_id":"3","country":"BR","id":"post-1","in_reply_to_post_id":"1","in_reply_to_user_id":"2","language":"pt-BR","media":[{"kind":"photo"},{"duration_ms":61000,"kind":"video"},{"duration_ms":0,"kind":"gif"}],"post_id":"-1","quoted_post_id":"6","quoted_user_id":"7","source_post_id":"4","source_user_id":"5","subscription_author_id":"8","text":"größer, 大きい\n\"quoted\"","title":"A title","topics":[0,7,4294967295],"type":"post"}"#,
        r#"{"at":1341403200000,"post_id":"1","type":"post"}"#,
        r#"{"at":1341403200000,"post_id":"-9223372036854775808","type":"delete"}"#,
        r#"{"at":1341403200000,"target_id":"-1","type":"follow","user_id":"1"}"#,
        r#"{"at":1341403200000,"target_id":"2","type":"unsubscribe","user_id":"1"}"#,
        r#"{"at":1341403200000,"keyword":"spoiler alert","type":"mute_keyword","user_id":"3"}"#,
        r#"{"at":1341403200000,"country":"DE","created_at":"1969-12-31T23:59:59.999Z","followers":1099511627776,"language":"de","protected":false,"screen_name":"someone","suspended":false,"type":"profile","user_id":"4","verified":true}"#,
        r#"{"action":"dwell_time","at":1341403200000,"client_app":3,"dwell_ms":4294967295,"id":"action-1","post_id":"6","surface":"video","type":"action","undo":true,"user_id":"5"}"#,
        r#"{"at":1341403200000,"client_app":1,"post_ids":["9","-1","10"],"request_id":"r-1","surface":"home","type":"impression","user_id":"7"}"#,
        r#"{"at":1341403200000,"model":"prior","posts":[{"position":0,"post_id":"11","score":0.1,"source":"thunder"},{"position":1,"post_id":"12","score":-2.5e-9,"source":""}],"request_id":"r-2","type":"served","user_id":"8"}"#,
        r#"{"at":1341403200000,"label":"spam","post_id":"13","type":"label"}"#,
        r#"{"at":1341403200000,"label":"abuse","type":"label","until":1400000000000,"user_id":"14"}"#,
        r#"{"at":"1970-01-01T02:46:39.999Z","name":"N55528","namespace":"posts","number":"15","type":"name"}"#,
        r#"{"at":"1970-01-01T02:46:39.999Z","first_row":70000,"kind":"kind","role":"role","rows":3,"type":"import_progress"}"#,
    ];
    assert_eq!(lines, wanted);
}

#[test]
fn new_strings_get_numbers_and_their_names_go_in_front() {
    let profile = profile(IdForm::Dictionary);
    let log = MemoryLog::default();
    let mut decoder = EventDecoder::for_import(&profile, &log, TimeMs(7));
    let lines = [
        r#"{"type": "action", "at": 1700000000001, "user_id": "U1", "post_id": "N1", "action": "favorite"}"#,
        r#"{"type": "action", "at": 1700000000002, "user_id": "U1", "post_id": "N2", "action": "reply"}"#,
        r#"{"type": "action", "at": 1700000000003, "user_id": 0, "post_id": "N1", "action": "reply"}"#,
    ];
    let sent: Vec<_> = lines.iter().map(|line| decoder.decode(line).unwrap()).collect();
    assert!(decoder.decode(r#"{"type": "delete", "at": 1700000000001, "post_id": "N3", "what": 1}"#).is_err());
    let mut batch = decoder.take_new_names();
    assert_eq!(batch.len(), 4, "U1, N1, N2, 0; not the one of the refused line");
    batch.extend(sent.iter().cloned());
    log.append(batch).unwrap();

    // A second decoder finds them in the log, and prints them as they came.
    let mut decoder = EventDecoder::for_import(&profile, &log, TimeMs(8));
    for (line, event) in lines.iter().zip(&sent) {
        assert_eq!(decoder.decode(line).unwrap(), *event);
    }
    assert!(decoder.take_new_names().is_empty());
    let printed = event_to_json(&sent[2], &profile, &log);
    assert_eq!((printed["user_id"].as_str(), printed["post_id"].as_str()), (Some("0"), Some("N1")));
}

#[test]
fn two_decoders_agree_on_a_new_string() {
    let profile = profile(IdForm::Dictionary);
    let log = MemoryLog::default();
    let line = r#"{"type": "delete", "at": 1700000000001, "post_id": "same"}"#;
    let (mut a, mut b) =
        (EventDecoder::for_import(&profile, &log, TimeMs(1)), EventDecoder::for_import(&profile, &log, TimeMs(2)));
    assert_eq!(a.decode(line).unwrap(), b.decode(line).unwrap());
    let (a, b) = (a.take_new_names(), b.take_new_names());
    assert_eq!(log.append(a).unwrap().accepted, 1);
    assert_eq!(log.append(b).unwrap().duplicates, [0]);
    assert!(log.id_of(Namespace::Posts, "same").is_some());
}
