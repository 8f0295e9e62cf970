//! Answers that the door gives itself, in the caller's form: a problem document or a gRPC status.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tonic::{Code, Status};

use crate::problem::Problem;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What is still to be done before the service answers.
    Starting(String),
    /// All places of its kind are taken.
    Busy,
    /// It waited too long for its turn.
    WaitedTooLong,
    /// The memory for bodies is used up.
    TooMuchToRead,
    /// It ran too long.
    TimedOut { events: bool, after_ms: u64 },
    /// Its body did not come in time.
    SlowBody { after_ms: u64 },
    /// Its body could not be read.
    BrokenBody(String),
    /// Its body is too long.
    LargeBody { limit: usize },
    /// A header forbids it.
    Forbidden(String),
    /// Its media type is not supported.
    MediaType(String),
    /// A panic.
    Fault,
}

impl Refusal {
    /// Its name in metrics.
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::Starting(_) => "starting",
            Self::Busy => "busy",
            Self::WaitedTooLong => "waited_too_long",
            Self::TooMuchToRead => "too_much_to_read",
            Self::TimedOut { .. } => "timed_out",
            Self::SlowBody { .. } => "slow_body",
            Self::BrokenBody(_) => "broken_body",
            Self::LargeBody { .. } => "large_body",
            Self::Forbidden(_) => "forbidden",
            Self::MediaType(_) => "media_type",
            Self::Fault => "panic",
        }
    }

    fn parts(self) -> (u16, &'static str, Code, String) {
        match self {
            Self::Starting(missing) => (503, "unavailable", Code::Unavailable, missing),
            Self::Busy => {
                let detail =
                    "the service is already answering as many requests of this kind as it can: try again later";
                (503, "overloaded", Code::ResourceExhausted, detail.to_owned())
            }
            Self::WaitedTooLong => {
                let detail = "the request waited too long for its turn: try again later";
                (503, "overloaded", Code::ResourceExhausted, detail.to_owned())
            }
            Self::TooMuchToRead => {
                let detail = "too many large requests are under way: try again later";
                (503, "overloaded", Code::ResourceExhausted, detail.to_owned())
            }
            Self::TimedOut { events, after_ms } => {
                let mut detail = format!("no answer after {after_ms} ms");
                if events {
                    detail.push_str("; the events may have been taken: send them again with the same `id`s");
                }
                (503, "timed out", Code::DeadlineExceeded, detail)
            }
            Self::SlowBody { after_ms } => {
                let detail = format!("the body did not arrive within {after_ms} ms");
                (408, "request timeout", Code::DeadlineExceeded, detail)
            }
            Self::BrokenBody(why) => {
                (400, "bad request", Code::InvalidArgument, format!("the body could not be read to its end: {why}"))
            }
            Self::LargeBody { limit } => {
                let detail = format!("the body is larger than {limit} bytes: send less at once");
                (413, "too large", Code::ResourceExhausted, detail)
            }
            Self::Forbidden(detail) => (403, "forbidden", Code::PermissionDenied, detail),
            Self::MediaType(detail) => (415, "unsupported media type", Code::InvalidArgument, detail),
            Self::Fault => (
                500,
                "internal error",
                Code::Internal,
                "the service failed to answer this request; its log says why".to_owned(),
            ),
        }
    }

    /// The answer: a status for gRPC callers, else a problem document. If the caller may try again, it says when.
    pub(super) fn answer(self, grpc: bool) -> Response {
        let again = matches!(self, Self::Starting(_) | Self::Busy | Self::WaitedTooLong | Self::TooMuchToRead);
        let (status, title, code, detail) = self.parts();
        if grpc {
            return Status::new(code, detail).into_http::<Body>();
        }
        let mut response = Problem { title, status, detail }.into_response();
        if again {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
