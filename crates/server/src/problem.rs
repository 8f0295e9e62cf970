//! The one place where errors become HTTP problem documents (RFC 9457) and gRPC statuses.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mixer_kit::FeedError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::cut::cut;

/// An error as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, in a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong with this request, where, and what to do.
    pub detail: String,
}

/// Most bytes of a detail: it may quote what the caller sent.
const DETAIL_BYTES: usize = 1_000;

impl Problem {
    fn of(title: &'static str, status: u16, detail: impl Into<String>) -> Self {
        Self { title, status, detail: cut(&detail.into(), DETAIL_BYTES) }
    }

    /// The caller's mistake.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::of("bad request", 400, detail)
    }

    /// The caller's mistake in one field of the request.
    pub fn field(field: &str, problem: impl fmt::Display) -> Self {
        Self::bad_request(format!("{field}: {problem}"))
    }

    /// What was asked for does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::of("not found", 404, detail)
    }

    /// The path does not take this method.
    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::of("method not allowed", 405, detail)
    }

    /// The body is too large.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self { title: "too large", status: 413, detail: detail.into() }
    }

    /// The service cannot answer now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { title: "unavailable", status: 503, detail: detail.into() }
    }

    /// A fault of the service.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self { title: "internal error", status: 500, detail: detail.into() }
    }

    /// The gRPC status of the same meaning.
    pub fn to_status(&self) -> tonic::Status {
        let detail = self.detail.clone();
        match self.status {
            404 => tonic::Status::not_found(detail),
            413 => tonic::Status::resource_exhausted(detail),
            503 => tonic::Status::unavailable(detail),
            500..=599 => tonic::Status::internal(detail),
            _ => tonic::Status::invalid_argument(detail),
        }
    }
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// The answer of a path that does not take the method.
pub(crate) async fn no_such_method(method: axum::http::Method, uri: axum::http::Uri) -> Problem {
    Problem::method_not_allowed(format!("{} does not take {method}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_status_of_the_same_meaning() {
        for (problem, code) in [
            (Problem::field("limit", "must be between 1 and 200"), tonic::Code::InvalidArgument),
            (Problem::not_found("x"), tonic::Code::NotFound),
            (Problem::too_large("x"), tonic::Code::ResourceExhausted),
            (Problem::unavailable("x"), tonic::Code::Unavailable),
            (Problem::internal("x"), tonic::Code::Internal),
        ] {
            assert_eq!(problem.to_status().code(), code);
            assert_eq!(problem.to_status().message(), problem.detail);
        }
    }
}
