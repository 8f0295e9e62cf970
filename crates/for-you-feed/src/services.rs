//! The feed's services on the server's port.

use std::sync::Arc;

use foryou_proto::v1::scored_posts_service_server::ScoredPostsServiceServer;
use server::{App, Services, limits};
use tonic::codec::CompressionEncoding::{Gzip, Zstd};

use crate::for_you::ForYou;
use crate::grpc::ScoredPostsGrpc;
use crate::rest;

/// REST, and feeds and events over gRPC. Add further services (Thunder's, Phoenix's) with [`Services::with`].
pub fn services(app: Arc<App>, for_you: Arc<ForYou>) -> Services {
    server::services(app.clone(), rest::routes(app.clone(), for_you.clone())).with(
        ScoredPostsServiceServer::new(ScoredPostsGrpc { app, for_you })
            .max_decoding_message_size(limits::BODY_BYTES)
            .accept_compressed(Gzip)
            .accept_compressed(Zstd)
            .send_compressed(Gzip)
            .send_compressed(Zstd),
    )
}

/// The names of the services that [`services`] gives.
pub const SERVICE_NAMES: [&str; 2] =
    [foryou_proto::v1::scored_posts_service_server::SERVICE_NAME, foryou_proto::v1::event_service_server::SERVICE_NAME];
