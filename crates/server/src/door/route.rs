//! What a request is for, by its path: its limits, its name in metrics, and in which form an error is answered.

use axum::http::{HeaderMap, Method, header};

/// A kind of request with limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Health, metrics, reflection: always answered.
    Free,
    /// Feeds.
    Feed,
    /// Events to append.
    Events,
    /// Everything else: cheap reads, and Thunder and Phoenix, which have limits of their own.
    Other,
}

/// What the door knows about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) class: Class,
    /// Its label in metrics: one of a fixed set, whatever path a caller asks for.
    pub(super) label: &'static str,
    /// The call is a stream that may stay open.
    pub(super) streams: bool,
}

/// Every path that has a name in metrics.
const ROUTES: [(&str, Class); 20] = [
    ("/healthz", Class::Free),
    ("/readyz", Class::Free),
    ("/metrics", Class::Free),
    ("/openapi.json", Class::Other),
    ("/v1/feed", Class::Feed),
    ("/v1/events", Class::Events),
    ("/foryou.v1.ScoredPostsService/GetScoredPosts", Class::Feed),
    ("/foryou.v1.EventService/Append", Class::Events),
    ("/foryou.thunder.v1.InNetworkPostsService/GetInNetworkPosts", Class::Other),
    ("/foryou.phoenix.v1.RankingService/Rank", Class::Other),
    ("/foryou.phoenix.v1.RetrievalService/Retrieve", Class::Other),
    ("/grpc.health.v1.Health/Check", Class::Free),
    ("/grpc.health.v1.Health/List", Class::Free),
    (WATCH, Class::Free),
    (REFLECTION_V1, Class::Free),
    (REFLECTION_V1ALPHA, Class::Free),
    // Labels of groups of paths.
    (REQUESTS, Class::Other),
    (FEEDS, Class::Feed),
    (UNKNOWN_CALL, Class::Other),
    (UNKNOWN, Class::Other),
];

const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION_V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const REFLECTION_V1ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
const REQUESTS: &str = "/v1/requests/{id}";
const FEEDS: &str = "/v1/feeds/{name}";
const UNKNOWN_CALL: &str = "unknown gRPC call";
const UNKNOWN: &str = "unknown";

impl Route {
    /// The route of a path.
    pub(super) fn of(path: &str) -> Self {
        let known = |path: &str| ROUTES.into_iter().find(|(known, _)| *known == path);
        let group = || match path {
            _ if path.starts_with("/v1/requests/") => REQUESTS,
            _ if path.starts_with("/v1/feeds/") => FEEDS,
            _ if is_call(path) => UNKNOWN_CALL,
            _ => UNKNOWN,
        };
        let (label, class) = known(path).or_else(|| known(group())).unwrap_or((UNKNOWN, Class::Other));
        Self { class, label, streams: matches!(label, WATCH | REFLECTION_V1 | REFLECTION_V1ALPHA) }
    }
}

/// Whether a path has the form `/package.Service/Method` of a gRPC call.
pub(super) fn is_call(path: &str) -> bool {
    let mut parts = path.strip_prefix('/').unwrap_or_default().split('/');
    matches!((parts.next(), parts.next(), parts.next()), (Some(service), Some(_), None) if service.contains('.'))
}

/// Whether the caller speaks gRPC and so must be answered with a status.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"))
}

/// A method's name in metrics.
pub(super) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_a_class_and_one_of_a_few_names() {
        let of = |path| (Route::of(path).class, Route::of(path).label);
        assert_eq!(of("/v1/feed"), (Class::Feed, "/v1/feed"));
        assert_eq!(of("/v1/requests/abc"), (Class::Other, "/v1/requests/{id}"));
        assert_eq!(of("/v1/feed/"), (Class::Other, "unknown"));
        assert_eq!(of("/v1/feeds/shop"), (Class::Feed, "/v1/feeds/{name}"));
        assert_eq!(of("/a.b.C/D"), (Class::Other, "unknown gRPC call"));
        assert_eq!(of("/"), (Class::Other, "unknown"));
        assert_eq!(of("/foryou.v1.EventService/Append").0, Class::Events);
        assert!(Route::of(WATCH).streams && !Route::of("/grpc.health.v1.Health/Check").streams);
        assert!(is_call("/a.B/C") && !is_call("/a.B") && !is_call("/a/b.C") && !is_call("/a.B/C/d"));
    }
}
