//! Schemas of what only this feed asks and answers, made from the limits that the code enforces.

use event_log::limits as events;
use foryou_types::Surface;
use serde_json::{Map, Value, json};
use server::schema::{optional, reference};
use utoipa::openapi::{RefOr, Schema};

use crate::limits;

pub(crate) fn client_app() -> RefOr<Schema> {
    reference("ClientAppId")
}

pub(crate) fn country() -> RefOr<Schema> {
    reference("CountryCode")
}

pub(crate) fn language() -> RefOr<Schema> {
    reference("LanguageCode")
}

pub(crate) fn listed_posts() -> RefOr<Schema> {
    reference("ListedPosts")
}

pub(crate) fn topics() -> RefOr<Schema> {
    reference("TopicIds")
}

pub(crate) fn bloom_filters() -> RefOr<Schema> {
    reference("ImpressionBloomFilterEntries")
}

pub(crate) fn optional_surface() -> RefOr<Schema> {
    optional("Surface")
}

/// What the names stand for.
pub(crate) fn components() -> Map<String, Value> {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let whole = |least: i64, most: u64| json!({"type": "integer", "minimum": least, "maximum": most});
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
        ("Surface", json!({"type": "string", "enum": Surface::ALL})),
    ];
    schemas.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect()
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
