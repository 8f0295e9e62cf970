//! The load generator on a small world, and what the door promises: whoever is let in is answered in full.

use std::time::Duration;

use crate::common::Service;

#[path = "../../examples/load/run.rs"]
mod run;

fn load(service: &Service, clients: usize) -> run::Load {
    run::Load {
        address: service.address.parse().unwrap(),
        pid: Some(service.pid()),
        clients,
        time: Duration::from_secs(2),
        writes: 0.1,
        grpc: false,
        users: 2_000,
        pause: Duration::from_millis(50),
        idle: 100,
        slow: 5,
    }
}

#[tokio::test]
async fn beyond_the_limit_requests_are_refused_and_the_others_answered_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let calm = run::run(load(&service, 2)).await;
    assert!(calm.feeds.len() > 10 && calm.writes > 0, "{calm:?}");
    assert_eq!((calm.refused, calm.failed, calm.degraded), (0, 0, 0), "{calm:?}");
    assert!(calm.fewest >= 20 && calm.memory[2] > 1.0 && calm.processor[0] > 0.0, "{calm:?}");

    let crowd = run::run(load(&service, 200)).await;
    assert!(crowd.refused > 0 && !crowd.feeds.is_empty(), "{crowd:?}");
    assert_eq!((crowd.failed, crowd.degraded), (0, 0), "{crowd:?}");
    assert!(crowd.fewest >= 20, "{crowd:?}");

    // Over gRPC, and as if nothing had been.
    let after = run::run(run::Load { grpc: true, ..load(&service, 2) }).await;
    assert!(after.feeds.len() > 10 && after.percentile(0.5) < 1_000.0, "{after:?}");
    assert_eq!((after.refused, after.failed, after.degraded), (0, 0, 0), "{after:?}");
}
