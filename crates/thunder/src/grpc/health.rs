//! What the health service says of Thunder.

use foryou_proto::thunder::v1::in_network_posts_service_server::InNetworkPostsServiceServer;
use tonic_health::server::HealthReporter;

use super::server::ThunderGrpc;
use crate::readiness::Readiness;

/// Says NOT_SERVING now and SERVING as soon as the store is ready; run it as a task beside the server.
pub async fn report_health(reporter: HealthReporter, readiness: Readiness) {
    reporter.set_not_serving::<InNetworkPostsServiceServer<ThunderGrpc>>().await;
    readiness.wait().await;
    reporter.set_serving::<InNetworkPostsServiceServer<ThunderGrpc>>().await;
}
