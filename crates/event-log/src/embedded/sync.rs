//! When written batches reach the disk.

use std::sync::Arc;
use std::time::Duration;

use foryou_io::{Background, Signal};
use parking_lot::Mutex;

use super::mark::SyncedMark;
use crate::segment::BatchEnd;
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
    reached: BatchEnd,
    /// Why a sync failed. It stays until the segment was written anew: what of it is on the disk is not known any more, and a
    /// second sync of the same file would say nothing about what the first one lost.
    failed: Option<std::io::Error>,
}

/// Syncs the newest segment in the background.
pub(super) struct Syncer {
    state: Arc<Mutex<State>>,
    mark: Arc<SyncedMark>,
    thread: Option<Background>,
}

impl Syncer {
    /// Starts the thread, under a policy that needs one.
    pub(super) fn start(policy: FsyncPolicy, mark: SyncedMark) -> std::io::Result<Self> {
        let state: Arc<Mutex<State>> = Arc::default();
        let mark = Arc::new(mark);
        let thread = match policy {
            FsyncPolicy::EveryMs(ms) => {
                let (state, mark) = (Arc::clone(&state), Arc::clone(&mark));
                let interval = Duration::from_millis(ms.max(1));
                Some(Background::start("event-log-sync", move |signal| run(signal, &state, &mark, interval))?)
            }
            FsyncPolicy::Always | FsyncPolicy::Never => None,
        };
        Ok(Self { state, mark, thread })
    }

    /// A batch that ends at `position` was written to `file`.
    pub(super) fn written(&self, file: &Arc<dyn SegmentFile>, position: BatchEnd) {
        let Some(thread) = &self.thread else { return };
        let mut state = self.state.lock();
        state.reached = position;
        if state.dirty.is_none() {
            state.dirty = Some(Arc::clone(file));
            thread.wake();
        }
    }

    /// Everything up to `position`, which is all that was written, was synced by the caller.
    pub(super) fn clean(&self, position: BatchEnd) {
        self.state.lock().dirty = None;
        self.mark.write(position);
    }

    /// The segment whose sync failed was written anew, and is on the disk up to `position`.
    pub(super) fn healed(&self, position: BatchEnd) {
        self.state.lock().failed = None;
        self.clean(position);
    }

    /// The error of a sync that failed in the background.
    pub(super) fn failure(&self) -> Option<std::io::Error> {
        let state = self.state.lock();
        state.failed.as_ref().map(|e| std::io::Error::new(e.kind(), format!("an earlier sync failed ({e})")))
    }
}

fn run(signal: &Signal, state: &Mutex<State>, mark: &SyncedMark, interval: Duration) {
    loop {
        if state.lock().dirty.is_none() {
            if signal.wait(None) {
                continue;
            }
            return;
        }
        // Collects what is written in the meantime; a stop ends the wait.
        signal.sleep(interval);
        let mut guard = state.lock();
        let Some(file) = guard.dirty.take() else { continue };
        let reached = guard.reached;
        drop(guard);
        match file.sync() {
            Ok(()) => mark.write(reached),
            Err(error) => {
                tracing::error!(%error, "the log could not be synced: its newest segment is written anew before the next append");
                state.lock().failed = Some(error);
            }
        }
    }
}
