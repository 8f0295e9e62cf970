//! The JSON Schema (2020-12) of events in a folder, made from the table that the decoder checks them against.

use foryou_types::{ActionKind, IdForm, Namespace, Profile};
use serde_json::{Map, Value, json};

use super::decode::TIMES_MS;
use super::keys::{COMMON_KEYS, EVENT_TYPES, EventType, Form, Key};
use super::{MEDIA_KINDS, SURFACES, VERSION};
use crate::limits;

/// Unix milliseconds in digits ([`TIMES_MS`], or 0), or RFC 3339 from 1971 on (a time of 1970 may lie before it in UTC).
const TIME_TEXT: &str = concat!(
    r"^(?:0|[1-9][0-9]{11,13})$|",
    r"^(?:(?:197[1-9]|19[89][0-9]|[2-9][0-9]{3})-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])",
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))",
    r"|(?:19(?:7[26]|8[048]|9[26])|[2-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[3579][26])00)-02-29)",
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-2]):[0-5][0-9])$",
);

/// The schemas of a folder's events by name, as the components of an API description: `Event` is one of all types, and the
/// ids and times that it refers to are `UserId`, `PostId`, `UserIdOrNone`, `PostIdOrNone` and `Time`.
pub fn event_schemas(profile: &Profile) -> Map<String, Value> {
    let mut schemas = Map::new();
    for (namespace, name) in [(Namespace::Users, "UserId"), (Namespace::Posts, "PostId")] {
        let form = profile.id_form(namespace);
        schemas.insert(name.to_owned(), id_schema(form, false));
        schemas.insert(format!("{name}OrNone"), nullable(id_schema(form, true)));
    }
    schemas.insert("Time".to_owned(), time_schema());
    for event in &EVENT_TYPES {
        schemas.insert(component(event), event_schema(event, profile));
    }
    let place = |event: &EventType| format!("#/components/schemas/{}", component(event));
    let mapping: Map<_, _> = EVENT_TYPES.iter().map(|event| (event.name.to_owned(), place(event).into())).collect();
    schemas.insert(
        "Event".to_owned(),
        json!({
            "description": "An event: one JSON object, a line of a file or an element of a request",
            "oneOf": EVENT_TYPES.iter().map(|event| json!({"$ref": place(event)})).collect::<Vec<_>>(),
            "discriminator": {"propertyName": "type", "mapping": mapping},
        }),
    );
    schemas
}

/// An id as a string or an integer, in a form of ids. In a numeric form 0 means that there is no id.
pub fn id_schema(form: IdForm, or_none: bool) -> Value {
    let none = if or_none { "|[+-]?0+" } else { "" };
    let (integer, pattern) = match form {
        IdForm::Unsigned => (
            json!({"type": "integer", "minimum": u64::from(!or_none), "maximum": u64::MAX}),
            format!(r"^(?:\+?0*(?:{}){})$", up_to(u64::MAX), none.replace('-', "")),
        ),
        IdForm::Signed => {
            let mut integer = json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX});
            if !or_none {
                integer["not"] = json!({"const": 0});
            }
            let (positive, negative) = (up_to(i64::MAX.cast_unsigned()), up_to(i64::MIN.unsigned_abs()));
            (integer, format!(r"^(?:\+?0*(?:{positive})|-0*(?:{negative}){none})$"))
        }
        IdForm::Dictionary => {
            let integer = json!({"type": "integer", "minimum": i64::MIN, "maximum": u64::MAX});
            return json!({"anyOf": [{"type": "string", "minLength": 1, "maxLength": limits::ID}, integer]});
        }
    };
    json!({"anyOf": [{"type": "string", "maxLength": limits::ID, "pattern": pattern}, integer]})
}

/// A time: Unix milliseconds as an integer or in digits, or RFC 3339.
fn time_schema() -> Value {
    let (first, last) = (*TIMES_MS.start(), *TIMES_MS.end());
    json!({
        "description": "Unix milliseconds or RFC 3339",
        "anyOf": [
            {"type": "integer", "minimum": first, "maximum": last},
            {"type": "integer", "minimum": 0, "maximum": 0},
            {"type": "string", "pattern": TIME_TEXT},
        ],
    })
}

/// The decimal numbers from 1 to `most`, without leading zeros, as alternatives of a regular expression.
fn up_to(most: u64) -> String {
    let digits = most.to_string();
    let mut alternatives = vec![digits.clone()];
    if digits.len() > 1 {
        alternatives.push(format!("[1-9][0-9]{{0,{}}}", digits.len() - 2));
    }
    for (i, digit) in digits.bytes().enumerate() {
        let (lowest, more) = (if i == 0 { b'1' } else { b'0' }, digits.len() - i - 1);
        if digit > lowest {
            let range = format!("[{}-{}]", char::from(lowest), char::from(digit - 1));
            alternatives.push(format!("{}{range}[0-9]{{{more}}}", &digits[..i]));
        }
    }
    alternatives.join("|")
}

fn component(event: &EventType) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    event.name.split('_').map(word).collect::<String>() + "Event"
}

fn event_schema(event: &EventType, profile: &Profile) -> Value {
    let keys: Vec<_> = COMMON_KEYS.iter().chain(event.keys).collect();
    let mut schema = object(&keys, profile);
    schema["description"] = event.about.into();
    schema["properties"]["type"] = json!({"type": "string", "enum": [event.name]});
    if let Some(required) = schema["required"].as_array_mut() {
        required.insert(0, "type".into());
    }
    let continuous: Vec<_> =
        profile.action_set.actions.iter().filter(|a| a.kind == ActionKind::Continuous).map(|a| &a.name).collect();
    if event.keys.iter().any(|key| key.form == Form::Action) && !continuous.is_empty() {
        schema["if"] = json!({"properties": {"action": {"enum": continuous}}});
        schema["then"] = json!({"required": ["dwell_ms"], "properties": {"dwell_ms": {"type": "integer"}}});
    }
    if let [one, other] = event.either {
        let only = |one: &str, other: &str| json!({"required": [one], "properties": {one: {"not": {"type": "null"}}, other: {"type": "null"}}});
        schema["oneOf"] = json!([only(one, other), only(other, one)]);
    }
    schema
}

fn object(keys: &[&Key], profile: &Profile) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut schema = value(key.form, profile);
        if !key.required {
            schema = nullable(schema);
        }
        schema["description"] = key.about.into();
        properties.insert(key.name.to_owned(), schema);
    }
    let required: Vec<_> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn value(form: Form, profile: &Profile) -> Value {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let one_of = |names: Vec<&str>| json!({"type": "string", "enum": names});
    match form {
        Form::User => named("UserId"),
        Form::Post => named("PostId"),
        Form::UserOrNone => named("UserIdOrNone"),
        Form::PostOrNone => named("PostIdOrNone"),
        Form::Time => named("Time"),
        Form::Text(most) => json!({"type": "string", "maxLength": most}),
        Form::Name(most) => json!({"type": "string", "maxLength": most, "pattern": r"\S"}),
        Form::EventId(most) => json!({"anyOf": [
            {"type": "string", "minLength": 1, "maxLength": most},
            {"type": "integer", "minimum": i64::MIN, "maximum": u64::MAX},
        ]}),
        Form::Count => json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}),
        Form::SmallCount => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
        Form::Number => json!({"type": "number"}),
        Form::Flag => json!({"type": "boolean"}),
        Form::Action => one_of(profile.action_set.actions.iter().map(|action| action.name.as_str()).collect()),
        Form::Surface => one_of(SURFACES.iter().map(|(name, _)| *name).collect()),
        Form::MediaKind => one_of(MEDIA_KINDS.iter().map(|(name, _)| *name).collect()),
        Form::Version => json!({"type": "integer", "enum": [VERSION]}),
        Form::Numbers(most) => json!({
            "type": "array", "maxItems": most, "items": {"type": "integer", "minimum": 0, "maximum": u32::MAX},
        }),
        Form::Posts(most) => json!({"type": "array", "minItems": 1, "maxItems": most, "items": named("PostId")}),
        Form::Objects(keys, most) => {
            let keys: Vec<_> = keys.iter().collect();
            json!({"type": "array", "maxItems": most, "items": object(&keys, profile)})
        }
    }
}

/// The schema, or null.
fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
        if let Some(choices) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            choices.push(Value::Null);
        }
        return schema;
    }
    if let Some(alternatives) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        alternatives.push(json!({"type": "null"}));
        return schema;
    }
    json!({"anyOf": [schema, {"type": "null"}]})
}
