//! Schemas of the values in requests and answers, made from the limits and types that the code enforces.
//!
//! The documentation of a type refers to them by name; [`components`] defines them for a folder's profile.

use std::borrow::Cow;

use event_log::{event_schemas, limits as events};
use foryou_types::{Profile, Surface};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{AnyOfBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::feeds::for_you::RANKED_BY;
use crate::{cursor, limits};

/// Defines the functions that name a schema, as the attributes of types need them.
macro_rules! named {
    ($($function:ident = $name:literal),* $(,)?) => {
        $(pub(crate) fn $function() -> RefOr<Schema> {
            RefOr::Ref(Ref::from_schema_name($name))
        })*
    };
}

/// Defines the functions that name a schema or null.
macro_rules! optional {
    ($($function:ident = $name:literal),* $(,)?) => {
        $(pub(crate) fn $function() -> RefOr<Schema> {
            let null = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)).build();
            RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(Ref::from_schema_name($name)).item(null).build()))
        })*
    };
}

/// Defines types that stand for a schema where a parameter is described.
macro_rules! markers {
    ($($marker:ident),* $(,)?) => {
        $(
            #[doc = concat!("The schema `", stringify!($marker), "`.")]
            pub(crate) enum $marker {}

            impl PartialSchema for $marker {
                fn schema() -> RefOr<Schema> {
                    RefOr::Ref(Ref::from_schema_name(stringify!($marker)))
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
    user_id = "UserId",
    client_app = "ClientAppId",
    country = "CountryCode",
    language = "LanguageCode",
    listed_posts = "ListedPosts",
    topics = "TopicIds",
    bloom_filters = "ImpressionBloomFilterEntries",
    request_id = "RequestId",
    sent_events = "SentEvents",
    degraded = "Degraded",
    timings = "Timings",
    ranked_by = "RankedBy",
}

optional! {
    optional_time = "Time",
    optional_limit = "Limit",
    optional_cursor = "Cursor",
    optional_surface = "Surface",
    optional_timings = "Timings",
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
        ("ClientAppId", whole(i32::MIN.into(), i32::MAX as u64)),
        ("CountryCode", json!({"type": "string", "maxLength": events::COUNTRY})),
        ("LanguageCode", json!({"type": "string", "maxLength": events::LANGUAGE})),
        ("ListedPosts", json!({"type": "array", "maxItems": limits::LISTED_POSTS, "items": named("PostId")})),
        ("TopicIds", json!({"type": "array", "maxItems": limits::TOPICS, "items": whole(0, u32::MAX.into())})),
        (
            "ImpressionBloomFilterEntries",
            json!({"type": "array", "maxItems": limits::BLOOM_FILTERS, "items": named("ImpressionBloomFilterEntry")}),
        ),
        ("ImpressionBloomFilterEntry", bloom_filter()),
        ("RequestId", text(events::REQUEST_ID, "^[!-~]*$")),
        ("KnownRequestId", text(events::REQUEST_ID, "^[!-~]+$")),
        ("Limit", whole(1, limits::FEED as u64)),
        ("Cursor", text(cursor::MAX_CHARACTERS, "^[A-Za-z0-9_-]+$")),
        ("Surface", json!({"type": "string", "enum": Surface::ALL})),
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

fn bloom_filter() -> Value {
    json!({
        "type": "object",
        "description": "Impressions as a bloom filter: bit (h1 + i·h2) mod m for i < num_hashes, with h1 and h2 the XXH3-64 of \
            the id's 8 little-endian bytes under seed and seed + 1; least significant bit of the first byte first",
        "required": ["bits", "num_hashes", "seed", "count", "created_at"],
        "additionalProperties": false,
        "properties": {
            "bits": {
                "type": "array",
                "description": "At least one bit must be 0: a filter with every bit set would hold every post",
                "minItems": 1,
                "maxItems": limits::BLOOM_BYTES,
                "items": {"type": "integer", "minimum": 0, "maximum": u8::MAX},
                "not": {"items": {"const": u8::MAX}},
            },
            "num_hashes": {"type": "integer", "minimum": 1, "maximum": limits::BLOOM_HASHES},
            "seed": {"type": "integer", "minimum": 0, "maximum": u64::MAX},
            "count": {"type": "integer", "minimum": 0, "maximum": u64::MAX},
            "created_at": {"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX},
        },
    })
}
