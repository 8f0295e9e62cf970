//! When written batches reach the disk.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::mark::SyncedMark;
use crate::log::Position;
use crate::segment::storage::SegmentFile;

/// When an appended batch is forced to the disk. A killed process never loses anything; a power cut loses what was not forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// Before `append` returns.
    Always,
    /// In the background, at most this many milliseconds after `append` returned.
    EveryMs(u64),
    /// When the operating system decides, when a segment is complete, and when the log is closed.
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
    /// Up to here.
    reached: Position,
    /// Why a sync failed. It stays until the segment was written anew: what of it is on the disk is not known any more, and a
    /// second sync of the same file would say nothing about what the first one lost.
    failed: Option<std::io::Error>,
    stop: bool,
}

/// Syncs the newest segment in the background.
pub(super) struct Syncer {
    shared: Arc<(Mutex<State>, Condvar)>,
    mark: Arc<SyncedMark>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts the thread, under a policy that needs one.
    pub(super) fn start(policy: FsyncPolicy, mark: SyncedMark) -> std::io::Result<Self> {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let mark = Arc::new(mark);
        let thread = match policy {
            FsyncPolicy::EveryMs(ms) => {
                let (shared, mark) = (Arc::clone(&shared), Arc::clone(&mark));
                let interval = Duration::from_millis(ms.max(1));
                Some(
                    std::thread::Builder::new()
                        .name("event-log-sync".to_owned())
                        .spawn(move || run(&shared, &mark, interval))?,
                )
            }
            FsyncPolicy::Always | FsyncPolicy::Never => None,
        };
        Ok(Self { shared, mark, thread })
    }

    /// A batch that ends at `position` was written to `file`.
    pub(super) fn written(&self, file: &Arc<dyn SegmentFile>, position: Position) {
        if self.thread.is_none() {
            return;
        }
        let mut state = self.shared.0.lock();
        state.reached = position;
        if state.dirty.is_none() {
            state.dirty = Some(Arc::clone(file));
            self.shared.1.notify_all();
        }
    }

    /// Everything up to `position`, which is all that was written, was synced by the caller.
    pub(super) fn clean(&self, position: Position) {
        self.shared.0.lock().dirty = None;
        self.mark.write(position);
    }

    /// The segment whose sync failed was written anew, and is on the disk up to `position`.
    pub(super) fn healed(&self, position: Position) {
        self.shared.0.lock().failed = None;
        self.clean(position);
    }

    /// The error of a sync that failed in the background.
    pub(super) fn failure(&self) -> Option<std::io::Error> {
        let state = self.shared.0.lock();
        state.failed.as_ref().map(|e| std::io::Error::new(e.kind(), format!("an earlier sync failed ({e})")))
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

fn run(shared: &(Mutex<State>, Condvar), mark: &SyncedMark, interval: Duration) {
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
        let reached = guard.reached;
        drop(guard);
        let synced = file.sync();
        guard = state.lock();
        match synced {
            Ok(()) => mark.write(reached),
            Err(error) => {
                tracing::error!(%error, "the log could not be synced: its newest segment is written anew before the next append");
                guard.failed = Some(error);
            }
        }
    }
}
