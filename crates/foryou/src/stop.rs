//! Ctrl-C as a flag for work that stops at a safe place by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Sets the flag at Ctrl-C. Where the system gives no handler, Ctrl-C ends the process, which every such work survives too:
/// only the friendly words are lost.
pub(crate) fn stop_on_ctrl_c(stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            stop.store(true, Ordering::Relaxed);
        }
    });
}
