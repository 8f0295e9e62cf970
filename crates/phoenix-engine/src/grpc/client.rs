//! The caller's end.

use std::time::Duration;

use async_trait::async_trait;
use foryou_proto::calls::error_from_status;
use foryou_proto::phoenix::v1::ranking_service_client::RankingServiceClient;
use foryou_proto::phoenix::v1::retrieval_service_client::RetrievalServiceClient;
use foryou_types::seams::{
    Ranking, RankingRequest, RankingResponse, Retrieval, RetrievalRequest, RetrievalResponse, SeamError,
};
use tonic::Request;
use tonic::transport::Channel;

use super::MOST_BYTES;
use super::convert::{
    rank_request_to_proto, rank_response_from_proto, retrieve_request_to_proto, retrieve_response_from_proto,
};

/// Ranking in another process.
#[derive(Clone, Debug)]
pub struct RankingClient {
    client: RankingServiceClient<Channel>,
    timeout: Option<Duration>,
}

impl RankingClient {
    /// Calls over a channel (one made with `connect_lazy` connects at the first call, and again after a loss). With a timeout,
    /// a call that takes longer ends as [`SeamError::DeadlineExceeded`], and the server is told how long it has.
    pub fn new(channel: Channel, timeout: Option<Duration>) -> Self {
        let client = RankingServiceClient::new(channel)
            .max_decoding_message_size(MOST_BYTES)
            .max_encoding_message_size(MOST_BYTES);
        Self { client, timeout }
    }
}

#[async_trait]
impl Ranking for RankingClient {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        let asked = request.candidates.len();
        let request = timed(rank_request_to_proto(&request), self.timeout);
        // Clients are handles to one connection; a call needs its own.
        let answer = self.client.clone().rank(request).await.map_err(|status| error_from_status(&status))?;
        rank_response_from_proto(answer.into_inner(), asked)
    }
}

/// Retrieval in another process.
#[derive(Clone, Debug)]
pub struct RetrievalClient {
    client: RetrievalServiceClient<Channel>,
    timeout: Option<Duration>,
}

impl RetrievalClient {
    /// As [`RankingClient::new`].
    pub fn new(channel: Channel, timeout: Option<Duration>) -> Self {
        let client = RetrievalServiceClient::new(channel)
            .max_decoding_message_size(MOST_BYTES)
            .max_encoding_message_size(MOST_BYTES);
        Self { client, timeout }
    }
}

#[async_trait]
impl Retrieval for RetrievalClient {
    async fn retrieve(&self, request: RetrievalRequest) -> Result<RetrievalResponse, SeamError> {
        let request = timed(retrieve_request_to_proto(&request), self.timeout);
        let answer = self.client.clone().retrieve(request).await.map_err(|status| error_from_status(&status))?;
        Ok(retrieve_response_from_proto(answer.into_inner()))
    }
}

fn timed<T>(message: T, timeout: Option<Duration>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    request
}
