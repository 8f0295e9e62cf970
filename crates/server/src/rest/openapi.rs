//! `/openapi.json`.

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "foryou", description = "The For You feed as software anyone can run."),
    paths(
        super::events::append,
        super::feed::get,
        super::feed::post,
        super::requests::get,
        crate::door::probes::live,
        crate::door::probes::ready,
        crate::door::probes::metrics,
    )
)]
struct Api;

/// The description of the API, as JSON.
pub fn openapi_json() -> String {
    Api::openapi().to_pretty_json().unwrap_or_default()
}

pub(super) async fn get() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}
