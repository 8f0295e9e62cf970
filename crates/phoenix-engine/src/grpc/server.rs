//! The service's end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use foryou_proto::calls::{caller_timeout, error_to_status, working_time};
use foryou_proto::phoenix::v1::ranking_service_server::{RankingService, RankingServiceServer};
use foryou_proto::phoenix::v1::retrieval_service_server::{RetrievalService, RetrievalServiceServer};
use foryou_proto::phoenix::v1::{RankRequest, RankResponse, RetrieveRequest, RetrieveResponse};
use foryou_types::seams::{Ranking, Retrieval, SeamError};
use tonic::{Request, Response, Status};

use super::MOST_BYTES;
use super::convert::{
    rank_request_from_proto, rank_response_to_proto, retrieve_request_from_proto, retrieve_response_to_proto,
};

/// Serves a [`Ranking`] over gRPC; see [`ranking_server`].
#[derive(Clone)]
pub struct RankingGrpc(Arc<dyn Ranking>);

/// Serves a [`Retrieval`] over gRPC; see [`retrieval_server`].
#[derive(Clone)]
pub struct RetrievalGrpc(Arc<dyn Retrieval>);

/// The service over a ranker, with the limits on message sizes set.
pub fn ranking_server(ranking: Arc<dyn Ranking>) -> RankingServiceServer<RankingGrpc> {
    RankingServiceServer::new(RankingGrpc(ranking))
        .max_decoding_message_size(MOST_BYTES)
        .max_encoding_message_size(MOST_BYTES)
}

/// The service over retrieval, with the limits on message sizes set.
pub fn retrieval_server(retrieval: Arc<dyn Retrieval>) -> RetrievalServiceServer<RetrievalGrpc> {
    RetrievalServiceServer::new(RetrievalGrpc(retrieval))
        .max_decoding_message_size(MOST_BYTES)
        .max_encoding_message_size(MOST_BYTES)
}

#[async_trait]
impl RankingService for RankingGrpc {
    async fn rank(&self, request: Request<RankRequest>) -> Result<Response<RankResponse>, Status> {
        let time = caller_timeout(request.metadata());
        let request = rank_request_from_proto(request.into_inner()).map_err(Status::invalid_argument)?;
        let answer = within(time, self.0.rank(request)).await.map_err(error_to_status)?;
        rank_response_to_proto(answer).map(Response::new).map_err(Status::internal)
    }
}

#[async_trait]
impl RetrievalService for RetrievalGrpc {
    async fn retrieve(&self, request: Request<RetrieveRequest>) -> Result<Response<RetrieveResponse>, Status> {
        let time = caller_timeout(request.metadata());
        let request = retrieve_request_from_proto(request.into_inner()).map_err(Status::invalid_argument)?;
        let answer = within(time, self.0.retrieve(request)).await.map_err(error_to_status)?;
        Ok(Response::new(retrieve_response_to_proto(answer)))
    }
}

/// Work that is given up when the caller will no longer wait for it.
async fn within<T>(
    time: Option<Duration>,
    work: impl Future<Output = Result<T, SeamError>> + Send,
) -> Result<T, SeamError> {
    match time {
        None => work.await,
        Some(time) => tokio::time::timeout(working_time(time), work).await.unwrap_or(Err(SeamError::DeadlineExceeded)),
    }
}
