//! The services of a data folder: its REST routes and its gRPC services.

use std::sync::Arc;

use foryou_proto::v1::event_service_server::EventServiceServer;
use foryou_proto::v1::scored_posts_service_server::ScoredPostsServiceServer;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};

use crate::app::App;
use crate::door::Services;
use crate::feeds::for_you::ForYou;
use crate::grpc::{EventsGrpc, ScoredPostsGrpc};
use crate::{limits, rest};

/// REST, feeds and events over gRPC. Add further services (Thunder's, Phoenix's) with [`Services::with`].
pub fn services(app: Arc<App>, for_you: Arc<ForYou>) -> Services {
    Services::beside(rest::routes(app.clone(), for_you.clone()))
        .with(
            ScoredPostsServiceServer::new(ScoredPostsGrpc { app: app.clone(), for_you })
                .max_decoding_message_size(limits::BODY_BYTES)
                .accept_compressed(Gzip)
                .accept_compressed(Zstd)
                .send_compressed(Gzip)
                .send_compressed(Zstd),
        )
        .with(
            EventServiceServer::new(EventsGrpc(app))
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
