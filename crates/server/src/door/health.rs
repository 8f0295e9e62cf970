//! gRPC health and reflection.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use foryou_proto::FILE_DESCRIPTOR_SET;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::Door;

/// How often health checks whether the service is ready.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The health service, and reflection of all services in both versions that clients ask for.
pub(super) fn routes<S: Clone + Send + Sync + 'static>()
-> Result<(Router<S>, HealthReporter), tonic_reflection::server::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(health).add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
    Ok((routes.prepare().into_axum_router().with_state(()), reporter))
}

/// Reports for every service, and for the whole, what `/readyz` reports: SERVING when nothing is missing, NOT_SERVING before.
pub(super) async fn report(door: Door, reporter: HealthReporter, mut names: Vec<&'static str>) {
    // The empty name stands for the whole.
    names.push("");
    let mut said = None;
    loop {
        let ready = door.missing().is_empty();
        if said != Some(ready) {
            let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            for name in &names {
                reporter.set_service_status(*name, status).await;
            }
            said = Some(ready);
            door.0.health_serves.store(ready, Relaxed);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
