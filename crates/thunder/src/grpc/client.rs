//! The caller's end.

use std::time::Duration;

use async_trait::async_trait;
use foryou_proto::calls::error_from_status;
use foryou_proto::thunder::v1::in_network_posts_service_client::InNetworkPostsServiceClient;
use foryou_types::seams::{InNetworkPosts, InNetworkRequest, InNetworkResponse, SeamError};
use tonic::Request;
use tonic::transport::Channel;

use super::convert::{request_to_proto, response_from_proto};

/// Thunder in another process.
#[derive(Clone, Debug)]
pub struct ThunderClient {
    client: InNetworkPostsServiceClient<Channel>,
    timeout: Option<Duration>,
}

impl ThunderClient {
    /// Calls over a channel; with a timeout, the server answers partially shortly before it is over.
    pub fn new(channel: Channel, timeout: Option<Duration>) -> Self {
        Self { client: InNetworkPostsServiceClient::new(channel), timeout }
    }
}

#[async_trait]
impl InNetworkPosts for ThunderClient {
    async fn get_in_network_posts(&self, request: InNetworkRequest) -> Result<InNetworkResponse, SeamError> {
        let mut request = Request::new(request_to_proto(request));
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        // Clients are handles to one connection; a call needs its own.
        let answer = self.client.clone().get_in_network_posts(request).await;
        answer.map(|answer| response_from_proto(answer.into_inner())).map_err(|status| error_from_status(&status))
    }
}
