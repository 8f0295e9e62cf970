//! `/openapi.json`: OpenAPI 3.1, made from the types and limits that requests are read with.

use foryou_types::Profile;
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi as OpenApiDocument;
use utoipa::{IntoResponses, OpenApi};

use crate::problem::Problem;
use crate::schema;

#[derive(OpenApi)]
#[openapi(
    info(title = "foryou", description = "The For You feed as software anyone can run."),
    paths(crate::door::probes::live, crate::door::probes::ready, crate::door::probes::metrics),
    tags(
        (name = "events", description = "What happened, in"),
        (name = "feed", description = "Ranked posts, out"),
        (name = "health", description = "For operators"),
    )
)]
struct Api;

/// The refusals that any request under `/v1` may get, for descriptions; they are made where they happen.
#[derive(IntoResponses)]
pub enum Refused {
    /// The request does not fit its schema; `detail` names the field
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// The Host or Origin of the request is not allowed
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// The request did not arrive in time
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Problem),
    /// The body has too many bytes, or too many events
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is not application/json
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(Problem),
    /// A fault of the service
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// The service is not ready, has too much to do, or cannot write: try again later
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The description of the API of a folder with this profile: events, health, and a feed with the schemas that it names beside the
/// shared ones.
pub fn openapi(profile: &Profile, feed: OpenApiDocument, feed_schemas: Map<String, Value>) -> Value {
    let mut api = Api::openapi();
    api.merge(super::described().into_openapi());
    api.merge(feed);
    let mut document = serde_json::to_value(api).unwrap_or_default();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.extend(schema::components(profile));
        schemas.extend(feed_schemas);
    }
    document
}
