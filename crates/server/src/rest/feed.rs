//! Feeds under `/v1/feeds/`, and what the routes of any feed need.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::{Json, Router, routing};
use serde::de::DeserializeOwned;

use super::read_body;
use crate::app::App;
use crate::feed::Feed;
use crate::problem::Problem;

/// A feed and the folder it is served from.
pub struct Served<F> {
    /// The folder's parts.
    pub app: Arc<App>,
    /// The feed.
    pub feed: Arc<F>,
}

impl<F> Clone for Served<F> {
    fn clone(&self) -> Self {
        Self { app: Arc::clone(&self.app), feed: Arc::clone(&self.feed) }
    }
}

impl<F: Feed> Served<F> {
    /// The answer to a request.
    pub async fn answer(&self, request: F::Request) -> Result<Json<F::Answer>, Problem> {
        self.app.feed(&self.feed, request, None).await.map(Json)
    }
}

/// What is wrong with a query, without the library's frame around it: the key and its problem.
pub fn bad_query(rejection: &QueryRejection) -> Problem {
    let mut cause: &dyn std::error::Error = rejection;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Problem::bad_request(format!("the query: {cause}"))
}

/// Reads a request from a whole body.
pub fn read_request<R: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<R, Problem> {
    let body = read_body(body)?;
    serde_json::from_slice(&body).map_err(|e| Problem::bad_request(format!("the body: {e}")))
}

/// A further feed under `/v1/feeds/`: `GET` with its request as a query string, `POST` with its request as the body.
pub fn feed_routes<F: Feed>(app: Arc<App>, feed: Arc<F>) -> Router {
    let path = format!("/v1/feeds/{}", feed.name());
    let routes = Router::new().route(&path, routing::get(get_any::<F>).post(post_any::<F>));
    super::finished(super::of_the_moment(routes)).with_state(Served { app, feed })
}

async fn get_any<F: Feed>(
    State(served): State<Served<F>>,
    request: Result<Query<F::Request>, QueryRejection>,
) -> Result<Json<F::Answer>, Problem> {
    let Query(request) = request.map_err(|e| bad_query(&e))?;
    served.answer(request).await
}

async fn post_any<F: Feed>(
    State(served): State<Served<F>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<F::Answer>, Problem> {
    served.answer(read_request(body)?).await
}
