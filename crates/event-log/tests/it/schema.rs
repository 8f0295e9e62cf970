//! The schema of events against the decoder: what the schema takes at its limits is taken, one step beyond is refused by name.

use event_log::{EventDecoder, event_schemas, id_schema, limits};
use foryou_types::IdForms;
use foryou_types::NoNames;
use foryou_types::{IdForm, Profile, TimeMs};
use serde_json::{Map, Value, json};

const NOW: TimeMs = TimeMs(1_700_000_000_000);
const FORMS: [IdForm; 3] = [IdForm::Unsigned, IdForm::Signed, IdForm::Dictionary];

fn profile(form: IdForm) -> Profile {
    Profile { ids: IdForms { users: form, posts: form }, ..Profile::live() }
}

/// Schema values that are taken and values that are refused, made from what a schema says.
#[derive(Default)]
struct Edges {
    good: Vec<Value>,
    bad: Vec<Value>,
}

/// The edges of a schema, which may refer to `all`.
fn edges(schema: &Value, all: &Map<String, Value>) -> Edges {
    if let Some(name) = schema["$ref"].as_str() {
        return edges(&all[name.trim_start_matches("#/components/schemas/")], all);
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        let parts: Vec<_> = alternatives.iter().map(|one| edges(one, all)).collect();
        // What one alternative refuses, another may take: only the first one's edges are beyond all of them here.
        return Edges {
            good: parts.iter().flat_map(|part| part.good.clone()).collect(),
            bad: parts.into_iter().next().map(|first| first.bad).unwrap_or_default(),
        };
    }
    let kinds: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let mut edges_of = Edges::default();
    for kind in &kinds {
        let part = match *kind {
            "string" => strings(schema),
            "integer" => integers(schema),
            "number" => Edges { good: vec![json!(0.5), json!(-3)], bad: vec![json!("1")] },
            "boolean" => Edges { good: vec![json!(true), json!(false)], bad: vec![json!("true"), json!(1)] },
            "null" => Edges { good: vec![Value::Null], bad: vec![] },
            "array" => arrays(schema, all),
            "object" => Edges { good: vec![example(schema, all)], bad: vec![json!({"other": 1}), json!([])] },
            other => panic!("{other} in {schema}"),
        };
        edges_of.good.extend(part.good);
        edges_of.bad.extend(part.bad);
    }
    edges_of
}

fn strings(schema: &Value) -> Edges {
    if let Some(names) = schema["enum"].as_array() {
        return Edges { good: names.clone(), bad: vec![json!("no such name"), json!(7)] };
    }
    let Some(most) = schema["maxLength"].as_u64() else {
        return Edges {
            good: vec![json!("2012-07-04T12:00:00Z"), json!("2024-02-29T23:59:59.5+02:00")],
            bad: vec![json!("noon")],
        };
    };
    let most = most as usize;
    if schema["pattern"].as_str().is_some_and(|pattern| pattern.contains("[0-9]")) {
        let longest = format!("{}7", "0".repeat(most - 1));
        return Edges {
            good: vec![json!("7"), json!(longest)],
            bad: vec![json!(format!("0{longest}")), json!("x"), json!("")],
        };
    }
    let (longest, longer) = ("ü".repeat(most), "ü".repeat(most + 1));
    let mut edges = Edges { good: vec![json!(longest)], bad: vec![json!(longer), json!({})] };
    if schema.get("pattern").is_some() {
        edges.bad.extend([json!(""), json!("  \t")]);
    } else if schema["minLength"] == 1 {
        edges.bad.push(json!(""));
    } else {
        edges.good.push(json!(""));
    }
    edges
}

fn integers(schema: &Value) -> Edges {
    if let Some(versions) = schema["enum"].as_array() {
        return Edges { good: versions.clone(), bad: vec![json!(0), json!(99)] };
    }
    let (least, most) = (schema["minimum"].clone(), schema["maximum"].clone());
    let mut bad = vec![json!(1.5)];
    bad.extend(most.as_u64().and_then(|most| most.checked_add(1)).map(Value::from));
    bad.extend(least.as_i64().and_then(|least| least.checked_sub(1)).map(Value::from));
    if schema.get("not").is_some() {
        bad.push(json!(0));
    }
    Edges { good: vec![least, most], bad }
}

fn arrays(schema: &Value, all: &Map<String, Value>) -> Edges {
    let most = schema["maxItems"].as_u64().unwrap() as usize;
    let one = edges(&schema["items"], all).good[0].clone();
    let least = schema["minItems"].as_u64().unwrap_or_default() as usize;
    let mut bad = vec![json!(vec![one.clone(); most + 1]), json!({}), json!([{"bad": []}])];
    if least > 0 {
        bad.push(json!(vec![one.clone(); least - 1]));
    }
    Edges { good: vec![json!(vec![one.clone(); least]), json!(vec![one; most])], bad }
}

/// An object with its required keys, each with a value that is taken.
fn example(schema: &Value, all: &Map<String, Value>) -> Value {
    let keys = schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
    keys.map(|key| (key.to_owned(), edges(&schema["properties"][key], all).good[0].clone())).collect()
}

fn decode(event: &Value, profile: &Profile) -> Result<(), String> {
    let mut decoder = EventDecoder::for_import(profile, &NoNames, NOW);
    decoder.decode(&event.to_string()).map(|_| ()).map_err(|e| e.to_string())
}

#[test]
fn every_key_is_taken_at_its_limits_and_refused_beyond() {
    let mut tried = 0;
    for profile in FORMS.map(profile) {
        let all = event_schemas(&profile);
        let types = all["Event"]["oneOf"].as_array().unwrap();
        assert_eq!(types.len(), 17);
        for schema in types {
            let name = schema["$ref"].as_str().unwrap().trim_start_matches("#/components/schemas/");
            let schema = &all[name];
            let mut base = example(schema, &all);
            base["at"] = json!(NOW.0);
            if name == "LabelEvent" {
                base["post_id"] = json!(7);
            } else if name.ends_with("ActionEvent") {
                base["dwell_ms"] = json!(5);
            }
            if base.get("target_id").is_some() {
                base["target_id"] = json!(8);
                base["user_id"] = json!(9);
            }
            decode(&base, &profile).unwrap_or_else(|e| panic!("{name}: {base} gives {e}"));
            for (key, property) in schema["properties"].as_object().unwrap() {
                let edges = edges(property, &all);
                let with = |value: &Value| {
                    let mut event = base.clone();
                    event[key] = value.clone();
                    event
                };
                let either = name == "LabelEvent" && (key == "user_id" || key == "post_id");
                for value in edges.good.iter().filter(|_| !either && key != "type" && key != "at") {
                    if key == "dwell_ms" && value.is_null() {
                        continue;
                    }
                    let taken = decode(&with(value), &profile);
                    assert_eq!(taken, Ok(()), "{name}.{key}: {:.200}", value.to_string());
                    tried += 1;
                }
                for value in edges.bad {
                    let error = decode(&with(&value), &profile).expect_err(&format!("{name}.{key}: {value:.200}"));
                    assert!(error.starts_with(key.as_str()), "{name}.{key}: {error}");
                    assert!(error.len() < 800, "{name}.{key}: {} bytes of {error:.200}", error.len());
                    tried += 1;
                }
            }
            for key in schema["required"].as_array().unwrap() {
                let mut event = base.clone();
                event.as_object_mut().unwrap().remove(key.as_str().unwrap());
                assert_eq!(decode(&event, &profile), Err(format!("{}: is missing", key.as_str().unwrap())));
            }
            let mut event = base.clone();
            event["colour"] = json!("red");
            assert!(decode(&event, &profile).unwrap_err().starts_with("colour: is not a key of"), "{name}");
        }
    }
    assert!(tried > 1_000, "{tried}");
}

#[test]
fn label_names_exactly_one_thing() {
    let label = |more: &str| {
        decode(
            &serde_json::from_str(&format!(r#"{{"type": "label", "at": 1700000000000, "label": "spam"{more}}}"#))
                .unwrap(),
            &profile(IdForm::Unsigned),
        )
    };
    assert_eq!(label(r#", "post_id": 1"#), Ok(()));
    assert_eq!(label(r#", "post_id": null, "user_id": 1"#), Ok(()));
    assert!(
        label("").is_err()
            && label(r#", "post_id": null"#).is_err()
            && label(r#", "post_id": 1, "user_id": 1"#).is_err()
    );
}

#[test]
fn long_names_do_not_make_long_answers() {
    let long = "x".repeat(1 << 20);
    for text in [
        format!(r#"{{"type": "{long}"}}"#),
        format!(r#"{{"type": "delete", "post_id": 1, "{long}": 1}}"#),
        format!(r#"{{"type": "delete", "post_id": "{long}"}}"#),
        format!(r#"{{"type": "delete", "post_id": 1, "at": "{long}"}}"#),
        format!(r#"{{"type": "action", "post_id": 1, "user_id": 1, "action": "{long}"}}"#),
        format!(r#"{{"type": "delete", "{long}": 1, "{long}": 1}}"#),
    ] {
        let error = EventDecoder::new(&Profile::live(), &NoNames, NOW).decode(&text).unwrap_err().to_string();
        assert!(error.len() < 800, "{error:.200}");
    }
}

#[test]
fn patterns_of_ids_are_exact_in_their_length() {
    let pattern = |form| id_schema(form, false)["anyOf"][0]["pattern"].as_str().unwrap().to_owned();
    assert!(pattern(IdForm::Unsigned).contains("18446744073709551615"));
    assert!(
        pattern(IdForm::Signed).contains("9223372036854775807")
            && pattern(IdForm::Signed).contains("9223372036854775808")
    );
    assert_eq!(id_schema(IdForm::Dictionary, false)["anyOf"][0]["maxLength"], limits::ID);
}
