//! What the health service says of ranking and retrieval.

use std::future::Future;

use foryou_proto::phoenix::v1::ranking_service_server::RankingServiceServer;
use foryou_proto::phoenix::v1::retrieval_service_server::RetrievalServiceServer;
use tonic_health::server::HealthReporter;

use super::server::{RankingGrpc, RetrievalGrpc};

/// Says NOT_SERVING of both services now and SERVING as soon as `ready` is over (see
/// [`CorpusFollower::caught_up`](crate::service::CorpusFollower::caught_up)); run it as a task beside the server.
///
/// A service without a promoted model serves: the popularity prior stands in for one.
pub async fn report_health(reporter: HealthReporter, ready: impl Future<Output = ()> + Send) {
    reporter.set_not_serving::<RankingServiceServer<RankingGrpc>>().await;
    reporter.set_not_serving::<RetrievalServiceServer<RetrievalGrpc>>().await;
    ready.await;
    reporter.set_serving::<RankingServiceServer<RankingGrpc>>().await;
    reporter.set_serving::<RetrievalServiceServer<RetrievalGrpc>>().await;
}
