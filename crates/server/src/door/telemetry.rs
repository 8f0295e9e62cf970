//! What the door measures and logs about every request: never a body, a query string or a key.

use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use tower_http::request_id::RequestId;
use tracing::Span;

use super::refusal::Refusal;
use super::route::{Route, method_label};

/// A request that is being answered; dropped without [`Measured::done`] when its caller went away.
#[derive(Debug)]
pub(super) struct Measured {
    route: Route,
    method: &'static str,
    grpc: bool,
    begun: Instant,
    outcome: Option<String>,
}

impl Measured {
    pub(super) fn begin(request: &Request, route: Route, grpc: bool) -> Self {
        metrics::gauge!("http_requests_in_flight").increment(1.0);
        Self { route, method: method_label(request.method()), grpc, begun: Instant::now(), outcome: None }
    }

    pub(super) fn done(mut self, response: &Response) {
        self.outcome = Some(if self.grpc {
            grpc_code(response.headers()).to_owned()
        } else {
            response.status().as_str().to_owned()
        });
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        metrics::gauge!("http_requests_in_flight").decrement(1.0);
        let outcome = self.outcome.take().unwrap_or_else(|| "gone".to_owned());
        let route = self.route.label;
        if self.grpc {
            metrics::counter!("grpc_requests_total", "call" => route, "code" => outcome).increment(1);
        } else {
            metrics::counter!("http_requests_total", "route" => route, "method" => self.method, "status" => outcome)
                .increment(1);
        }
        metrics::histogram!("http_request_seconds", "route" => route).record(self.begun.elapsed().as_secs_f64());
    }
}

/// The status code of a gRPC answer: in its headers where it has no message; the one in the trailers is not waited for.
fn grpc_code(headers: &HeaderMap) -> &str {
    headers.get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0")
}

pub(super) fn count_refusal(route: Route, refusal: &Refusal) {
    metrics::counter!("http_refused_total", "route" => route.label, "reason" => refusal.label()).increment(1);
}

/// The span of a request in the access log.
pub(super) fn span<B>(request: &axum::http::Request<B>) -> Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    let (method, path) = (method_label(request.method()), request.uri().path());
    // A caller may send a path of any length.
    let path = path.get(..path.len().min(128)).unwrap_or("?");
    tracing::info_span!("request", method, path, id)
}

/// The line of a request in the access log.
pub(super) fn log_answer<B>(response: &axum::http::Response<B>, time: Duration, _: &Span) {
    let status = response.status().as_u16();
    let ms = time.as_secs_f64() * 1_000.0;
    // Empty for REST.
    let grpc = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or_default();
    tracing::info!(status, grpc, ms, "answered");
}

/// Names what the door measures, for `/metrics`.
pub(super) fn describe() {
    describe_counter!("http_requests_total", Unit::Count, "REST requests by route, method and status");
    describe_counter!("grpc_requests_total", Unit::Count, "gRPC calls by call and status code");
    describe_histogram!("http_request_seconds", Unit::Seconds, "Time from a request's headers to the answer's headers");
    describe_gauge!("http_requests_in_flight", Unit::Count, "Requests being answered");
    describe_counter!("http_refused_total", Unit::Count, "Requests that the door answered itself, by reason");
    describe_gauge!("http_connections", Unit::Count, "Open connections");
    describe_counter!("http_connections_closed_total", Unit::Count, "Connections that the door ended, by reason");
    describe_counter!(
        "http_connections_refused_total",
        Unit::Count,
        "Connections refused because all others were busy"
    );
    describe_counter!("http_accept_errors_total", Unit::Count, "Connections that could not be accepted");
}
