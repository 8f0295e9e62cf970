//! Ctrl-C (SIGINT) and SIGTERM, for services and for work that stops at a safe place.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a process ended by SIGINT, as shells count.
const INTERRUPTED: i32 = 130;
/// Exit code of a process ended by SIGTERM.
#[cfg(unix)]
const TERMINATED: i32 = 143;

/// The process's flag. After the first call it is set at the first Ctrl-C or SIGTERM; a second one ends the process at once, which
/// such work survives too. If the handler cannot be installed, the first one ends the process.
pub(crate) fn stop_flag() -> &'static AtomicBool {
    static STOP: AtomicBool = AtomicBool::new(false);
    static HANDLER: OnceLock<()> = OnceLock::new();
    HANDLER.get_or_init(|| {
        std::thread::spawn(|| {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                let Some(mut requests) = Requests::listen() else { return };
                loop {
                    let code = requests.next().await;
                    if STOP.swap(true, Ordering::Relaxed) {
                        end(code);
                    }
                }
            });
        });
    });
    &STOP
}

/// Waits for the first Ctrl-C or SIGTERM; for ever if the handler cannot be installed.
pub(crate) async fn stopped() {
    match Requests::listen() {
        Some(mut requests) => {
            requests.next().await;
        }
        None => std::future::pending().await,
    }
}

#[expect(clippy::exit, reason = "a second request ends the process at once")]
fn end(code: i32) {
    std::process::exit(code);
}

/// The requests to end. A request between two calls is not lost.
#[cfg(unix)]
struct Requests {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Requests {
    fn listen() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Some(Self {
            interrupt: signal(SignalKind::interrupt()).ok()?,
            terminate: signal(SignalKind::terminate()).ok()?,
        })
    }

    /// The exit code for the next request.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }
}

/// The requests to end: Ctrl-C alone.
#[cfg(not(unix))]
struct Requests(());

#[cfg(not(unix))]
impl Requests {
    fn listen() -> Option<Self> {
        Some(Self(()))
    }

    async fn next(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INTERRUPTED
    }
}
