//! gRPC services with their names, which health and reflection need.

use std::convert::Infallible;

use axum::response::IntoResponse;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::Service;

/// gRPC services and REST routes on one port.
#[derive(Clone, Debug, Default)]
pub struct Services {
    pub(super) routes: Routes,
    pub(super) names: Vec<&'static str>,
}

impl Services {
    /// REST routes to which services are added.
    pub fn beside(rest: axum::Router) -> Self {
        Self { routes: Routes::from(rest), names: Vec::new() }
    }

    /// Adds a service.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }
}
