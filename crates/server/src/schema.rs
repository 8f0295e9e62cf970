//! Schemas of the values in requests and answers, made from the limits and types that the code enforces.
//!
//! The documentation of a type refers to them by name; `components` defines those that all feeds share for a folder's profile. A feed
//! refers to its own with [`reference()`] and [`optional`], and hands their definitions to [`crate::rest::routes`].

use std::borrow::Cow;

use event_log::{event_schemas, limits as events};
use foryou_types::Profile;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{AnyOfBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::ranked_by::RANKED_BY;
use crate::{cursor, limits};

/// The schema of this name.
pub fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

/// The schema of this name, or null.
pub fn optional(name: &str) -> RefOr<Schema> {
    let null = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)).build();
    RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(Ref::from_schema_name(name)).item(null).build()))
}

/// Defines the functions that name a schema, as the attributes of types need them.
macro_rules! named {
    ($($by:ident: $function:ident = $name:literal),* $(,)?) => {
        $(
            #[doc = concat!("The schema `", $name, "` (`", stringify!($by), "`).")]
            pub fn $function() -> RefOr<Schema> {
                $by($name)
            }
        )*
    };
}

/// Defines types that stand for a schema where a parameter is described.
macro_rules! markers {
    ($($marker:ident),* $(,)?) => {
        $(
            #[doc = concat!("The schema `", stringify!($marker), "`.")]
            pub enum $marker {}

            impl PartialSchema for $marker {
                fn schema() -> RefOr<Schema> {
                    reference(stringify!($marker))
                }
            }

            impl ToSchema for $marker {
                fn name() -> Cow<'static, str> {
                    stringify!($marker).into()
                }
            }
        )*
    };
}

markers! { UserId, Limit, Flag, Cursor, Time, RequestId, KnownRequestId }

named! {
    reference: user_id = "UserId",
    reference: request_id = "RequestId",
    reference: sent_events = "SentEvents",
    reference: degraded = "Degraded",
    reference: timings = "Timings",
    reference: ranked_by = "RankedBy",
    optional: optional_time = "Time",
    optional: optional_limit = "Limit",
    optional: optional_cursor = "Cursor",
    optional: optional_timings = "Timings",
}

/// What the names stand for in a folder with this profile.
pub(crate) fn components(profile: &Profile) -> Map<String, Value> {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let text = |most: usize, pattern: &str| json!({"type": "string", "maxLength": most, "pattern": pattern});
    let whole = |least: i64, most: u64| json!({"type": "integer", "minimum": least, "maximum": most});
    let stages =
        ["query_hydrators", "sources", "hydrators", "filters", "scorers", "selector", "post_selection", "total"];
    let times: Map<_, _> = stages.iter().map(|stage| ((*stage).to_owned(), json!({"type": "number"}))).collect();
    let schemas = [
        ("RequestId", text(events::REQUEST_ID, "^[!-~]*$")),
        ("KnownRequestId", text(events::REQUEST_ID, "^[!-~]+$")),
        ("Limit", whole(1, limits::FEED as u64)),
        ("Cursor", text(cursor::MAX_CHARACTERS, "^[A-Za-z0-9_-]+$")),
        ("Flag", json!({"type": "string", "enum": ["", "true", "1", "false", "0"]})),
        ("SentEvents", json!({"type": "array", "maxItems": limits::EVENTS, "items": named("SentEvent")})),
        (
            "SentEvent",
            json!({
                "description": "An event of any type but `served`, which the service writes itself",
                "allOf": [named("Event")],
                "not": {"type": "object", "required": ["type"], "properties": {"type": {"const": "served"}}},
            }),
        ),
        (
            "Degraded",
            json!({"type": "array", "items": {
                "type": "object",
                "required": ["component", "reason"],
                "properties": {"component": {"type": "string"}, "reason": {"type": "string"}},
            }}),
        ),
        ("Timings", json!({"type": "object", "required": stages, "properties": times})),
        ("RankedBy", json!({"type": "string", "enum": RANKED_BY})),
    ];
    let mut all = event_schemas(profile);
    all.extend(schemas.map(|(name, schema)| (name.to_owned(), schema)));
    all
}
