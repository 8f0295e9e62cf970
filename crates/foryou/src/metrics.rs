//! The process's metrics recorder.

use std::sync::OnceLock;
use std::time::Duration;

use foryou_io::Background;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

static INSTALLED: OnceLock<Option<Installed>> = OnceLock::new();

/// The recorder of this process, and the thread that keeps it small.
struct Installed {
    handle: PrometheusHandle,
    _upkeep: Option<Background>,
}

/// Buckets of times, in seconds: from the time of one component to the longest time a client waits.
const SECONDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets of counts: posts that a component received or returned.
const COUNTS: [f64; 9] = [0.0, 1.0, 5.0, 10.0, 35.0, 100.0, 300.0, 1_000.0, 3_000.0];
/// How often the recorder sorts the values of histograms into their buckets. It keeps every value until then, and must not wait
/// for a request of `/metrics`, which may never come.
const UPKEEP: Duration = Duration::from_secs(1);

/// Installs the recorder, once per process, and returns what renders it. `None` if another recorder is already installed.
///
/// Call it before any part is built: each part takes its handles and describes its metrics when it is made.
pub(crate) fn renderer() -> Option<impl Fn() -> String + Send + Sync + 'static> {
    let handle = INSTALLED.get_or_init(install).as_ref()?.handle.clone();
    Some(move || handle.render())
}

fn install() -> Option<Installed> {
    let builder = PrometheusBuilder::new().set_buckets(&COUNTS).ok()?;
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS).ok()?;
    let handle = builder.install_recorder().ok()?;
    let kept = handle.clone();
    let upkeep = Background::repeat("metrics-upkeep", UPKEEP, move || kept.run_upkeep())
        .inspect_err(|error| tracing::warn!(%error, "histograms of metrics take memory until /metrics is read"))
        .ok();
    Some(Installed { handle, _upkeep: upkeep })
}
