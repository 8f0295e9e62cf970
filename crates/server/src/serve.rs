//! The services of a data folder: REST routes, and events over gRPC.

use std::sync::Arc;

use foryou_proto::v1::event_service_server::EventServiceServer;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};

use crate::app::App;
use crate::door::Services;
use crate::grpc::EventsGrpc;
use crate::limits;

/// REST ([`crate::rest::routes`]), and events over gRPC. Add further services (the feed's, Thunder's) with [`Services::with`].
pub fn services(app: Arc<App>, rest: axum::Router) -> Services {
    Services::beside(rest).with(
        EventServiceServer::new(EventsGrpc(app))
            .max_decoding_message_size(limits::BODY_BYTES)
            .accept_compressed(Gzip)
            .accept_compressed(Zstd)
            .send_compressed(Gzip)
            .send_compressed(Zstd),
    )
}
