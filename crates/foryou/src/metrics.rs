//! The process's metrics recorder.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder, once per process, and gives what renders it. `None` where another recorder is installed already.
///
/// Before any part is built: parts take their handles when they are made.
pub(crate) fn renderer() -> Option<impl Fn() -> String + Send + Sync + 'static> {
    let handle = HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).clone()?;
    Some(move || handle.render())
}
