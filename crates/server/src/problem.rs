//! The one place where errors become HTTP problem documents (RFC 9457) and gRPC statuses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use foryou_types::IdError;
use home_mixer::answer::MixerError;
use serde::Serialize;
use utoipa::ToSchema;

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

impl Problem {
    /// The caller's mistake.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self { title: "bad request", status: 400, detail: detail.into() }
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self { title: "not found", status: 404, detail: detail.into() }
    }

    /// The body is too large.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self { title: "too large", status: 413, detail: detail.into() }
    }

    /// The service cannot answer now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { title: "unavailable", status: 503, detail: detail.into() }
    }

    /// Our fault.
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

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<MixerError> for Problem {
    fn from(error: MixerError) -> Self {
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
