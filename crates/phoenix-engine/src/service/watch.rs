//! A thread that repeats a task until it is told to stop.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// A running watch; it stops when this is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Calls `look` at once and then with pauses of `interval` in between. It fails where no thread can be started.
    pub(super) fn start(name: &str, interval: Duration, mut look: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let stop: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            loop {
                if catch_unwind(AssertUnwindSafe(&mut look)).is_err() {
                    tracing::error!("the check of the registry panicked; it will be tried again");
                }
                let mut stopped = told.0.lock();
                told.1.wait_while_for(&mut stopped, |stopped| !*stopped, interval);
                if *stopped {
                    return;
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic in it was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[test]
    fn it_looks_until_it_is_dropped_and_drops_without_waiting_for_the_pause() {
        let looked = Arc::new(AtomicUsize::new(0));
        let count = |looked: &Arc<AtomicUsize>| {
            let looked = Arc::clone(looked);
            move || {
                looked.fetch_add(1, SeqCst);
            }
        };
        let watch = Watch::start("quick", Duration::from_millis(1), count(&looked)).unwrap();
        while looked.load(SeqCst) < 5 {
            thread::yield_now();
        }
        drop(watch);
        let after = looked.load(SeqCst);
        thread::sleep(Duration::from_millis(20));
        assert_eq!(looked.load(SeqCst), after);
        let mut first = true;
        let looked_again = Arc::clone(&looked);
        let panics_once = move || {
            assert!(!std::mem::take(&mut first), "a bug");
            looked_again.fetch_add(1, SeqCst);
        };
        let watch = Watch::start("panics", Duration::from_millis(1), panics_once).unwrap();
        while looked.load(SeqCst) == after {
            thread::yield_now();
        }
        drop(watch);
        let after = looked.load(SeqCst);
        let slow = Watch::start("slow", Duration::from_hours(1), count(&looked)).unwrap();
        drop(slow);
        assert_eq!(looked.load(SeqCst), after + 1);
    }
}
