//! The feed's routes under `/v1`, listed once with their descriptions.

mod feed;
mod requests;

use std::sync::Arc;

use foryou_types::Profile;
use serde_json::Value;
use server::App;
use server::rest::Served;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::for_you::ForYou;
use crate::schema;

fn described() -> OpenApiRouter<Served<ForYou>> {
    OpenApiRouter::new().routes(routes!(feed::get, feed::post)).routes(routes!(requests::get))
}

/// All REST routes: events, this feed, and the description of both.
pub(crate) fn routes(app: Arc<App>, feed: Arc<ForYou>) -> axum::Router {
    let routes = described().with_state(Served { app: app.clone(), feed });
    server::rest::routes(app, routes, schema::components())
}

/// The description of the API of a folder with this profile.
pub fn openapi(profile: &Profile) -> Value {
    server::rest::openapi(profile, described().into_openapi(), schema::components())
}
