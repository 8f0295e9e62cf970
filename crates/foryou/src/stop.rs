//! Ctrl-C as a flag for work that stops at a safe place by itself.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The process's flag, set at the first Ctrl-C from the first call on. A second Ctrl-C ends the process at once, which every such
/// work survives too. Where the system gives no handler, already the first one does.
pub(crate) fn stop_flag() -> &'static AtomicBool {
    static STOP: AtomicBool = AtomicBool::new(false);
    static HANDLER: OnceLock<()> = OnceLock::new();
    HANDLER.get_or_init(|| {
        std::thread::spawn(|| {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                if STOP.swap(true, Ordering::Relaxed) {
                    end();
                }
            }
        });
    });
    &STOP
}

/// The exit code of a process ended by SIGINT.
#[expect(clippy::exit, reason = "who asks twice wants the process gone")]
fn end() {
    std::process::exit(130);
}
