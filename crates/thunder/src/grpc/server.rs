//! The service's end.

use async_trait::async_trait;
use foryou_proto::calls::{caller_timeout, error_to_status, working_time};
use foryou_proto::thunder::v1::in_network_posts_service_server::InNetworkPostsService;
use foryou_proto::thunder::v1::{GetInNetworkPostsRequest, GetInNetworkPostsResponse};
use tonic::{Request, Response, Status};

use super::convert::{request_from_proto, response_to_proto};
use crate::service::ThunderService;

/// Serves Thunder over gRPC: put it into an `InNetworkPostsServiceServer`.
#[derive(Clone, Debug)]
pub struct ThunderGrpc(ThunderService);

impl ThunderGrpc {
    /// Serves a service.
    pub const fn new(service: ThunderService) -> Self {
        Self(service)
    }
}

#[async_trait]
impl InNetworkPostsService for ThunderGrpc {
    async fn get_in_network_posts(
        &self,
        request: Request<GetInNetworkPostsRequest>,
    ) -> Result<Response<GetInNetworkPostsResponse>, Status> {
        let time = caller_timeout(request.metadata()).map(working_time);
        let request = request_from_proto(request.into_inner());
        let debug = request.debug;
        let answer = self.0.answer(request, time).await.map_err(error_to_status)?;
        Ok(Response::new(response_to_proto(answer.response, debug.then_some(answer.stats))))
    }
}
