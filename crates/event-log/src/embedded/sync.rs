//! When written batches reach the disk.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::segment::storage::SegmentFile;

/// When an appended batch is forced to the disk. A killed process loses nothing under any of them; a power cut loses what was
/// not forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// Before `append` returns.
    Always,
    /// In the background, at most this many milliseconds after `append` returned.
    EveryMs(u64),
    /// When the operating system likes, when a segment is complete, and when the log is closed.
    Never,
}

impl Default for FsyncPolicy {
    /// Every second: what a power cut takes is small, and an import is not slowed.
    fn default() -> Self {
        Self::EveryMs(1_000)
    }
}

#[derive(Default)]
struct State {
    /// Written since the last sync.
    dirty: Option<Arc<dyn SegmentFile>>,
    /// Why a sync failed. It stays: what of the written data is on the disk is not known any more.
    failed: Option<std::io::Error>,
    stop: bool,
}

/// Syncs the newest segment in the background.
pub(super) struct Syncer {
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts the thread, under a policy that needs one.
    pub(super) fn start(policy: FsyncPolicy) -> std::io::Result<Self> {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let thread = match policy {
            FsyncPolicy::EveryMs(ms) => {
                let shared = Arc::clone(&shared);
                let interval = Duration::from_millis(ms.max(1));
                Some(
                    std::thread::Builder::new()
                        .name("event-log-sync".to_owned())
                        .spawn(move || run(&shared, interval))?,
                )
            }
            FsyncPolicy::Always | FsyncPolicy::Never => None,
        };
        Ok(Self { shared, thread })
    }

    /// A batch was written to `file`.
    pub(super) fn written(&self, file: &Arc<dyn SegmentFile>) {
        if self.thread.is_none() {
            return;
        }
        let mut state = self.shared.0.lock();
        if state.dirty.is_none() {
            state.dirty = Some(Arc::clone(file));
            self.shared.1.notify_all();
        }
    }

    /// Everything written so far was synced by the caller.
    pub(super) fn clean(&self) {
        self.shared.0.lock().dirty = None;
    }

    /// The error of a sync that failed in the background.
    pub(super) fn failure(&self) -> Option<std::io::Error> {
        let state = self.shared.0.lock();
        state
            .failed
            .as_ref()
            .map(|e| std::io::Error::new(e.kind(), format!("an earlier sync failed ({e}): reopen the log")))
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.0.lock().stop = true;
        self.shared.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; there is nobody to tell of its panic.
            let _ = thread.join();
        }
    }
}

fn run(shared: &(Mutex<State>, Condvar), interval: Duration) {
    let (state, changed) = shared;
    let mut guard = state.lock();
    while !guard.stop {
        if guard.dirty.is_none() {
            changed.wait(&mut guard);
            continue;
        }
        // Collects what is written in the meantime; a stop ends the wait.
        let deadline = std::time::Instant::now() + interval;
        while !guard.stop && !changed.wait_until(&mut guard, deadline).timed_out() {}
        let Some(file) = guard.dirty.take() else { continue };
        drop(guard);
        let synced = file.sync();
        guard = state.lock();
        if let Err(error) = synced {
            tracing::error!(%error, "the log could not be synced: appends are refused until it is reopened");
            guard.failed = Some(error);
        }
    }
}
