//! The checks of `Host`, `Origin` and `Content-Type`.
//!
//! A page of any website can make the browser of someone at this machine send requests here. If the page's own host name
//! resolves to 127.0.0.1 (DNS rebinding), it could even read the answers; `Host` reveals that. `Origin` reveals a page of another
//! site that posts here. A body that is not declared as JSON can be sent without the browser asking first (no CORS preflight).

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::config::DoorConfig;
use super::refusal::Refusal;
use super::route::{is_call, is_grpc};

/// The host names that requests may use.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// Names that are allowed in addition to loopback addresses.
    names: Vec<String>,
    /// Any name is allowed: the service listens where other machines reach it.
    any: bool,
}

impl Guard {
    pub(super) fn new(config: &DoorConfig) -> Self {
        let names = config.allowed_hosts.split(',').map(|name| name.trim().to_ascii_lowercase());
        Self { names: names.filter(|name| !name.is_empty()).collect(), any: config.insecure }
    }

    /// Refuses a request by its headers.
    pub(super) fn check(&self, request: &Parts) -> Result<(), Refusal> {
        self.check_host(request)?;
        self.check_origin(request)?;
        check_type(request)
    }

    fn check_host(&self, request: &Parts) -> Result<(), Refusal> {
        let written = request.headers.get_all(header::HOST).iter();
        for host in written {
            let host = authority(host).ok_or_else(|| Refusal::Forbidden(format!("Host: {host:?} cannot be read")))?;
            self.check_name(&host)?;
        }
        if let Some(host) = request.uri.authority() {
            self.check_name(host)?;
        }
        let named = request.headers.contains_key(header::HOST) || request.uri.authority().is_some();
        if named || self.any { Ok(()) } else { Err(Refusal::Forbidden("Host: the header is missing".to_owned())) }
    }

    fn check_name(&self, host: &Authority) -> Result<(), Refusal> {
        if self.any || self.allows(host.host()) {
            return Ok(());
        }
        Err(Refusal::Forbidden(format!(
            "Host: {:?} is not a name of this service; to allow it, add it to server.allowed_hosts",
            host.host()
        )))
    }

    fn allows(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        name == "localhost" || name.ends_with(".localhost") || is_loopback(name) || self.names.iter().any(|n| n == name)
    }

    fn check_origin(&self, request: &Parts) -> Result<(), Refusal> {
        for origin in request.headers.get_all(header::ORIGIN) {
            if !self.is_own(origin, request) {
                return Err(Refusal::Forbidden(format!(
                    "Origin: {origin:?} is another site; pages of other sites must not call this service"
                )));
            }
        }
        Ok(())
    }

    /// Whether an origin is this service: the host and port of the request, or an allowed name.
    fn is_own(&self, origin: &HeaderValue, request: &Parts) -> bool {
        let Ok(text) = origin.to_str() else { return false };
        let Some(site) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else { return false };
        let Ok(site) = site.parse::<Authority>() else { return false };
        let hosts = request.headers.get_all(header::HOST).iter().filter_map(authority);
        let same = |host: Authority| host.as_str().eq_ignore_ascii_case(site.as_str());
        hosts.chain(request.uri.authority().cloned()).any(same)
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(site.host()))
    }
}

/// A name or address, and a port or none: no user, and no port that is not one.
fn authority(host: &HeaderValue) -> Option<Authority> {
    let authority = Authority::try_from(host.as_bytes()).ok()?;
    let port = authority.as_str().strip_prefix(authority.host())?;
    (port.is_empty() || authority.port_u16().is_some()).then_some(authority)
}

fn is_loopback(name: &str) -> bool {
    let name = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn check_type(request: &Parts) -> Result<(), Refusal> {
    if is_grpc(&request.headers) {
        return Ok(());
    }
    // Whatever the method: a gRPC service does not check it.
    if is_call(request.uri.path()) {
        return Err(Refusal::MediaType("Content-Type: must be application/grpc for a gRPC call".to_owned()));
    }
    // For other methods the routes say which ones they take.
    if request.method != Method::POST {
        return Ok(());
    }
    if !is_json(&request.headers) {
        return Err(Refusal::MediaType("Content-Type: must be application/json".to_owned()));
    }
    let encoding = request.headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::MediaType("Content-Encoding: is not supported; send the body uncompressed".to_owned()));
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(kind)) = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn outcome(guard: &Guard, uri: &str, headers: &[(&str, &str)]) -> Result<(), String> {
        let mut request = Request::builder().method("POST").uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        guard.check(&parts).map_err(|refusal| match refusal {
            Refusal::Forbidden(why) | Refusal::MediaType(why) => why,
            other => format!("{other:?}"),
        })
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

    #[test]
    fn hosts_that_are_not_this_machine_are_refused_by_name() {
        let guard = Guard::new(&DoorConfig { allowed_hosts: "Feed.example, ".into(), ..DoorConfig::default() });
        for host in
            ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "a.localhost.", "[::1]:8080", "127.1.2.3", "feed.example:80"]
        {
            assert_eq!(outcome(&guard, "/v1/events", &[("host", host), JSON]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil",
            "0.0.0.0",
            "10.0.0.1:8080",
            "",
            "a b",
            "me@localhost",
            "localhost:abc",
            "localhost:99999",
            "localhost:",
        ] {
            let why = outcome(&guard, "/v1/events", &[("host", host), JSON]).unwrap_err();
            assert!(why.starts_with("Host:"), "{host}: {why}");
        }
        // Each of several names counts, and so does the one in the request's line.
        let two = [("host", "localhost"), ("host", "evil.example"), JSON];
        assert!(outcome(&guard, "/v1/events", &two).is_err());
        assert!(outcome(&guard, "http://evil.example/v1/events", &[("host", "localhost"), JSON]).is_err());
        assert!(outcome(&guard, "/v1/events", &[JSON]).unwrap_err().contains("missing"));
        let open = Guard::new(&DoorConfig { insecure: true, ..DoorConfig::default() });
        assert_eq!(outcome(&open, "/v1/events", &[("host", "evil.example"), JSON]), Ok(()));
    }

    #[test]
    fn pages_of_other_sites_are_refused_also_where_any_host_is_allowed() {
        for guard in
            [Guard::new(&DoorConfig::default()), Guard::new(&DoorConfig { insecure: true, ..DoorConfig::default() })]
        {
            let from = |origin| outcome(&guard, "/v1/events", &[("host", "localhost:8080"), ("origin", origin), JSON]);
            assert_eq!(from("http://localhost:8080"), Ok(()));
            assert_eq!(from("https://LOCALHOST:8080"), Ok(()));
            for origin in ["http://evil.example", "null", "http://localhost:3000", "http://localhost", "file://", ""] {
                assert!(from(origin).unwrap_err().starts_with("Origin:"), "{origin}");
            }
        }
    }

    #[test]
    fn only_json_is_posted_and_only_grpc_calls() {
        let guard = Guard::new(&DoorConfig::default());
        let typed = |uri: &str, kind: &str| outcome(&guard, uri, &[("host", "localhost"), ("content-type", kind)]);
        assert_eq!(typed("/v1/events", "Application/JSON"), Ok(()));
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            assert!(typed("/v1/events", kind).unwrap_err().starts_with("Content-Type:"), "{kind}");
            assert!(typed("/foryou.v1.EventService/Append", kind).unwrap_err().contains("application/grpc"), "{kind}");
        }
        assert!(outcome(&guard, "/v1/events", &[("host", "localhost")]).is_err());
        assert_eq!(typed("/foryou.v1.EventService/Append", "application/grpc+proto"), Ok(()));
        let packed = [("host", "localhost"), JSON, ("content-encoding", "gzip")];
        assert!(outcome(&guard, "/v1/events", &packed).unwrap_err().starts_with("Content-Encoding:"));
    }
}
